"""Explorers: a few controls over a picture. Live, a control redraws it; headless, it is a sheet.

This file does not draw: `renders` and `browser` do, and both work without a browser. The picture
goes to the browser as PNG bytes: this needs no Output widget, keeps no figure, and shows errors.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from ipywidgets import Widget
from matplotlib.figure import Figure

from ...combine import GROUPINGS
from ...data.imagesets import ImageSet
from ...ground.progress import interactive
from ...prune.recorders import Scores
from ..analyses.observers import Observer
from ..figures.names import metric_title
from ..grid import monitor
from . import browser, canvas, renders

Render = Callable[..., Figure]
State = dict[str, Any]


def explore(
    render: Render, controls: Callable[[State], dict[str, Widget]], shown: list[State]
) -> Widget | Figure:
    """Controls over a picture in a live notebook, a sheet of a few states in a headless one.

    Args:
        render: draws a state, given as keywords; raises an error where it cannot.
        controls: makes the controls for a first state: keyword of the state -> its control.
        shown: the states of the sheet; the controls begin at the first.

    Returns:
        Live, a widget of class "rdc-explorer"; an error of `render` is shown in red below the
        picture. Headless (RDC_INTERACTIVE=0), one Figure; an error of `render` is raised.
    """
    if not interactive():
        return canvas.sheet({_words(state): _picture(render, state) for state in shown})
    knobs = controls(shown[0])
    picture = ipywidgets.Image(format="png", layout={"max_width": "100%"})
    error_box = ipywidgets.HTML()

    def redraw(_: Any = None) -> None:
        try:
            state = {name: knob.value for name, knob in knobs.items()}
            picture.value = canvas.encode_png(_picture(render, state))
            error_box.value = ""
        except Exception as error:
            message = html.escape(f"{type(error).__name__}: {error}")
            error_box.value = f'<pre class="rdc-error" style="color:#b00020">{message}</pre>'

    for knob in knobs.values():
        knob.observe(redraw, "value")
    redraw()
    layout = {"flex_flow": "row wrap", "grid_gap": "0 16px"}
    panel = ipywidgets.Box(list(knobs.values()), layout=layout)
    return _boxed(panel, picture, error_box)


def _boxed(*children: Widget) -> Widget:
    box = ipywidgets.VBox(children)
    box.add_class("rdc-explorer")
    return box


def _picture(render: Render, state: State) -> np.ndarray:
    with plt.rc_context({"text.parse_math": False}):  # a class may be called "$x$"
        figure = render(**state)
    try:
        return canvas.pixels(figure)
    finally:
        plt.close(figure)  # pyplot keeps the figures that it made until they are closed


def _words(state: State) -> str:
    values = {k.replace("_", " "): v for k, v in state.items() if v not in ("", None)}
    pairs = [
        f"{k} {' to '.join(map(str, v)) if isinstance(v, tuple) else v}" for k, v in values.items()
    ]
    return " · ".join(pairs)


def _choice(what: str, options: Any, value: Any) -> Widget:
    return ipywidgets.Dropdown(options=options, value=value, description=what, style=_wide())


def _slider(kind: Any, what: str, value: Any, low: float, high: float, step: float = 1) -> Widget:
    """A slider that changes its value when it is released, not while it moves."""
    return kind(
        value=value,
        min=low,
        max=high,
        step=step,
        description=what,
        continuous_update=False,
        style=_wide(),
        layout={"width": "400px"},
    )


def _wide() -> dict[str, str]:
    return {"description_width": "initial"}


def composite_builder(pool: ImageSet, scores: Scores) -> Widget | Figure:
    """Choose ranks of a class and a grid, and see the composites.

    Args:
        pool: to choose from; scores: of the pool.

    Raises:
        DataError: the scores are of another pool.
    """
    scores.aligned_to(pool)
    counts = dict(zip(pool.classes, pool.counts().tolist(), strict=True))

    def render(**state: Any) -> Figure:
        return renders.render_composite(pool, scores, **state)

    def controls(state: State) -> dict[str, Widget]:
        name = _choice("class", pool.classes, state["name"])
        window = _slider(
            ipywidgets.IntRangeSlider,
            "ranks, easy to hard",
            state["window"],
            1,
            counts[state["name"]],
        )
        # A class may have fewer images: the window is limited to them before the picture is drawn.
        name.observe(lambda change: setattr(window, "max", counts[change["new"]]), "value")
        return {
            "name": name,
            "window": window,
            "grid": _choice("cells per side", [1, 2, 3, 4], state["grid"]),
            "grouping": _choice("grouping", GROUPINGS, state["grouping"]),
        }

    name = pool.classes[0]
    many = counts[name]
    easiest = {"name": name, "window": (1, min(16, many)), "grid": 2, "grouping": "rank_block"}
    shown = [easiest]
    if many >= 16:
        shown.append(easiest | {"window": (many - 15, many)})
        shown.append(easiest | {"window": (1, many), "grid": 3, "grouping": "sequential"})
    return explore(render, controls, shown)


def view_explorer(
    stored: ImageSet, observer: Observer | None = None, single: ImageSet | None = None
) -> Widget | Figure:
    """Change the crop and Cutout; see views of a stored image, and an observer's entropy.

    Args:
        stored: composites, or any set.
        observer: its entropy (nats) is written under each view.
        single: another set to look at in the same way, such as the same images not combined.
    """
    sets = {"stored": stored} | ({} if single is None else {"single": single})

    def render(images: str = "stored", **state: Any) -> Figure:
        return renders.render_views(sets[images], observer=observer, **state)

    def controls(state: State) -> dict[str, Widget]:
        real, whole = ipywidgets.FloatSlider, ipywidgets.IntSlider
        last = min(map(len, sets.values())) - 1
        flip = ipywidgets.Checkbox(
            state["flip"], description="flip", indent=False, disabled=not stored.traits.flip
        )
        knobs = {
            "view": _choice("view", list(renders.VIEWS_BY_TITLE), state["view"]),
            "low": _slider(real, "smallest crop (area)", state["low"], 0.02, 1, 0.02),
            "cutout": _slider(real, "Cutout (side)", state["cutout"], 0, 1, 0.05),
            "index": _slider(whole, "image", state["index"], 0, last),
            "draw": _slider(whole, "another draw", state["draw"], 0, 50),
            "flip": flip,
        }
        return knobs if single is None else knobs | {"images": _choice("set", list(sets), "stored")}

    low = stored.traits.min_crop
    state = {"view": "extracted", "low": low, "cutout": 0.0, "index": 0, "draw": 0, "flip": True}
    shown = [state | {"view": view} for view in ("extracted", "shuffled", "whole")]
    shown.append(state | {"cutout": 0.5})
    return explore(render, controls, shown)


def score_explorer(pool: ImageSet, scores: dict[str, Scores]) -> Widget | Figure:
    """Mark a range of a score; see its images, and their values of another score.

    Args:
        pool: that was scored; scores: by name, as from `dynamics`.

    Raises:
        DataError: a score is of another pool.
    """
    for one in scores.values():
        one.aligned_to(pool)

    def render(**state: Any) -> Figure:
        return renders.render_scores(pool, scores, **state)

    def controls(state: State) -> dict[str, Widget]:
        named = [(metric_title(name), name) for name in scores]
        spread = ipywidgets.IntRangeSlider
        return {
            "score": _choice("score", named, state["score"]),
            "percentiles": _slider(spread, "percentiles", state["percentiles"], 0, 100),
            "against": _choice("against", [("none", ""), *named], state["against"]),
            "draw": _slider(ipywidgets.IntSlider, "another sample", state["draw"], 0, 50),
        }

    names = list(scores)
    state = {"score": names[0], "percentiles": (0, 10), "against": names[-1], "draw": 0}
    if len(names) == 1:
        state["against"] = ""
    shown = [state | {"percentiles": part} for part in ((0, 10), (45, 55), (90, 100))]
    return explore(render, controls, shown)


def benchmark_browser(table: pd.DataFrame, reference: pd.DataFrame | None = None) -> Any:
    """Filter and sort a grid's table, beside the published numbers where they exist.

    Args:
        table: the tidy table, columns as rows.COLUMNS.
        reference: published numbers of one dataset and protocol; see `published`.
    """
    theirs = [] if reference is None else sorted(set(reference["ipc"].astype(str)), key=int)
    ipcs = sorted(int(ipc) for ipc in table["ipc"].unique())

    def render(**state: Any) -> Figure:
        return browser.render_benchmark(table, reference, **state)

    def controls(state: State) -> dict[str, Widget]:
        ends = [browser.ALL]
        families, labels = (ends + list(table[name].unique()) for name in ("family", "labels"))
        knobs = {
            "family": _choice("family", families, state["family"]),
            "labels": _choice("labels", labels, state["labels"]),
            "ipc": _choice("images per class", [*ends, *ipcs], state["ipc"]),
            "sort": _choice("sort by", list(browser.ORDERS), state["sort"]),
        }
        if theirs:
            options = [browser.SAME, *theirs]
            beside = _choice("published at", options, state["published_ipc"])
            knobs["published_ipc"] = beside
        return knobs

    first = {"family": browser.ALL, "ipc": ipcs[-1], "sort": "accuracy"}
    if theirs:
        first["published_ipc"] = browser.SAME if str(ipcs[-1]) in theirs else theirs[0]
    return explore(render, controls, [first | {"labels": one} for one in table["labels"].unique()])


def run_monitor() -> Widget | pd.DataFrame:
    """The runs of this home, read from disk: which run now, their progress, and how others ended.

    It works in any kernel at any time: also in another notebook than the running one, or after the
    browser was closed. Headless, it is the table of `monitor.status`.
    """
    if not interactive():
        return monitor.status()
    table_box, button = ipywidgets.HTML(), ipywidgets.Button(description="Refresh", icon="refresh")
    clock = ipywidgets.Play(min=0, max=10**6, interval=2000, description="every two seconds")

    def refresh(_: Any = None) -> None:
        try:
            table_box.value = monitor.as_html(monitor.status().head(20))
        except Exception as error:
            table_box.value = f'<pre class="rdc-error">{html.escape(repr(error))}</pre>'

    button.on_click(refresh)
    clock.observe(refresh, "value")
    refresh()
    label = ipywidgets.Label("or press play to read it every two seconds")
    return _boxed(ipywidgets.HBox([button, clock, label]), table_box)
