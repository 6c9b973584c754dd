"""How an explorer stands on a page: its controls, its picture, and a still that needs no kernel."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable
from typing import Any

import ipywidgets
from ipywidgets import Widget

# A notebook that is opened without its kernel has lost the widget and says "model not found" in its
# place. So every explorer shows a second output, a still picture, and of the two one is hidden: the
# still while the widget lives, else the complaint. Where styles are not trusted (a notebook of
# somebody else's, GitHub, nbconvert) there is no widget, and the still is all there is.
_STYLE = """<style>
.jp-OutputArea-child:has(.rdc-explorer) + .jp-OutputArea-child:has(.rdc-still),
.jp-OutputArea-child:not(:has(.rdc-explorer)):has(+ .jp-OutputArea-child .rdc-still) {
  display: none}
.rdc-explorer {max-width: 864px}
.rdc-explorer .rdc-frame {overflow-x: auto}
.rdc-explorer .rdc-frame img {width: 100%; min-width: 460px; height: auto; border-radius: 3px}
.rdc-explorer .rdc-frame.rdc-old img {opacity: 0.25; filter: grayscale(1)}
.rdc-explorer .rdc-told {
  border-left: 3px solid var(--jp-warn-color1, #e65100); padding: 2px 10px;
  line-height: 1.4; white-space: normal}
.rdc-explorer :focus-visible, .rdc-explorer .noUi-handle:focus {
  outline: 2px solid var(--jp-brand-color1, #1976d2); outline-offset: 2px}
.rdc-still img {width: 100%; max-width: 864px; border-radius: 3px}
.rdc-scroll {overflow-x: auto}
</style>"""
_NOTE = "<p><small>A still picture. Run this cell to get the controls.</small></p>"
_NARROW = "240px"  # of a control; as many stand side by side as fit


class Explorer(ipywidgets.VBox):
    """A box of widgets that leaves a still behind.

    Attributes:
        still: makes the HTML of the still when the box is shown.
    """

    def __init__(self, children: list[Widget], still: Callable[[], str]) -> None:
        super().__init__(children)
        self.add_class("rdc-explorer")
        self.still = still

    def _ipython_display_(self) -> None:
        from IPython.display import display

        bundle: dict[str, Any] = self._repr_mimebundle_()
        display(bundle | {"text/plain": ""}, raw=True)
        page = f'{_STYLE}<div class="rdc-still">{self.still()}{_NOTE}</div>'
        display({"text/html": page, "text/plain": ""}, raw=True)


def as_image(encoded: bytes, words: str) -> str:
    """An HTML image that carries its own bytes; `words` say what it shows."""
    data = base64.b64encode(encoded).decode()
    return f'<img alt="{html.escape(words)}" src="data:image/jpeg;base64,{data}">'


def panel(knobs: list[Widget]) -> Widget:
    """Controls side by side, as many as the window has room for."""
    columns = f"repeat(auto-fill, minmax(min({_NARROW}, 100%), 1fr))"
    layout = {"display": "grid", "grid_template_columns": columns, "grid_gap": "0 20px"}
    layout["overflow"] = "visible"  # else a bar to scroll stands under them
    return ipywidgets.Box(knobs, layout=layout)


def told(message: str, error: bool = False) -> str:
    """A sentence above the picture; an error of ours is marked, for the tests look for it."""
    kind = "rdc-told rdc-error" if error else "rdc-told"
    return f'<div class="{kind}" role="status">{html.escape(message)}</div>'
