"""Progress for people, no output for logs: a bar in a terminal, one line per cell in a notebook.

The line is plain HTML, not a widget: a saved or reloaded notebook would show "model not found"
where a widget's bar was. It is emptied when the cell ends.
"""

from __future__ import annotations

import contextlib
import html
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import Any, Generic, TypeVar

T = TypeVar("T")
_EVERY = 0.3  # seconds between two looks of a line; each is a message to the browser
_SOON = 2.0  # seconds of a loop before its time left is told


def interactive() -> bool:
    """Whether a person watches: RDC_INTERACTIVE=1 or 0, else a terminal or a live kernel.

    The notebook runner sets 0: papermill would store a bar as a thousand lines of text.
    """
    setting = os.environ.get("RDC_INTERACTIVE", "auto")
    if setting in ("0", "1"):
        return setting == "1"
    return sys.stderr.isatty() or "ipykernel" in sys.modules


class Bar(Generic[T]):
    """Items passed through, with a bar if a person watches.

    Attributes:
        items: to pass through.
        what: the loop's name.
        total: number of items, those done before included; None if nobody knows.
        done: how many are done; a loop that was stopped begins where it was.
        note: what is being done now; may be changed at any time.
    """

    def __init__(self, items: Iterable[T], what: str, total: int | None, done: int) -> None:
        self.items, self.what, self.total, self.done = items, what, total, done
        self.first, self.note, self.began = done, "", time.monotonic()

    def __iter__(self) -> Iterator[T]:
        if not interactive():
            return iter(self.items)
        shell = _kernel()
        return self._in_terminal() if shell is None else self._in_notebook(shell)

    def _in_terminal(self) -> Iterator[T]:
        from tqdm import tqdm

        settings = {"initial": self.done, "leave": False, "mininterval": 0.5}
        with tqdm(desc=self.what, total=self.total, **settings) as shown:
            for item in self.items:
                yield item
                shown.set_postfix_str(self.note, refresh=False)
                shown.update()

    def _in_notebook(self, shell: Any) -> Iterator[T]:
        self.began = time.monotonic()
        _LINE.begin(self, shell)
        try:
            for item in self.items:
                _LINE.look()
                yield item
                self.done += 1
        finally:
            _LINE.end(self)

    def __str__(self) -> str:
        """Such as "training: 40 of 150, easiest, seed 1, 12 s left"."""
        counted = f": {self.done:,} of {self.total:,}" if self.total else ""
        said = [self.what + counted]
        made, seconds = self.done - self.first, time.monotonic() - self.began
        if self.total and made and seconds > _SOON:
            said.append(f"{human_time(seconds / made * (self.total - self.done))} left")
        return ", ".join([said[0], *filter(None, [self.note]), *said[1:]])


def bar(items: Iterable[T], what: str, total: int | None = None, done: int = 0) -> Bar[T]:
    """Pass items through, with a bar if a person watches.

    Args:
        items: to pass through.
        what: the loop's name.
        total: number of items, `done` included; that of `items` when left out.
        done: items of the loop that an earlier try has done.
    """
    if total is None and isinstance(items, Sized):
        total = done + len(items)
    return Bar(items, what, total, done)


@contextlib.contextmanager
def busy(what: str) -> Iterator[None]:
    """While it lasts, a notebook says what takes so long; for work that cannot be counted."""
    shell = _kernel() if interactive() else None
    one = Bar[None]((), what, None, 0)
    if shell is not None:
        _LINE.begin(one, shell)
        _LINE.look(at_once=True)
    try:
        yield
    finally:
        _LINE.end(one)


def _kernel() -> Any:
    """The shell of the notebook kernel that this process is, or None."""
    if "ipykernel" not in sys.modules:
        return None
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    return shell if hasattr(shell, "kernel") else None


class _Line:
    """The bars of the cell that runs, the outer first, as one output of it."""

    def __init__(self) -> None:
        self.bars: list[Bar[Any]] = []
        self.handle: Any = None
        self.cell: int | None = None
        self.looked = 0.0
        self.heard: Any = None  # the shell whose cells' ends are listened to

    def begin(self, one: Bar[Any], shell: Any) -> None:
        if self.heard is not shell:
            # An interrupted loop is kept alive by its traceback, so it does not end by itself.
            shell.events.register("post_run_cell", lambda *_: self.clear())
            self.heard = shell
        if self.cell != shell.execution_count:
            self.handle, self.cell = None, shell.execution_count
        self.bars.append(one)

    def look(self, at_once: bool = False) -> None:
        if at_once or time.monotonic() - self.looked > _EVERY:
            self.looked = time.monotonic()
            self._show("".join(map(_as_html, self.bars)))

    def end(self, one: Bar[Any]) -> None:
        if one in self.bars:
            self.bars.remove(one)

    def clear(self) -> None:
        self.bars = []
        if self.handle is not None:
            self._show("")
            self.handle = None

    def _show(self, page: str) -> None:
        from IPython.display import display

        content = {"text/html": page, "text/plain": ""}
        if self.handle is None:
            self.handle = display(content, raw=True, display_id=True)
        else:
            self.handle.update(content, raw=True)


_LINE = _Line()


def _as_html(one: Bar[Any]) -> str:
    share = f'value="{one.done}" max="{one.total}"' if one.total else ""
    return f"<div><progress {share}></progress> {html.escape(str(one))}</div>"


def human_time(seconds: float) -> str:
    """Human time: "40 s", "12 min", "3.5 h"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
