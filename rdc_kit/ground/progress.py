"""Progress for people, no output for logs: a bar in a terminal, one line per cell in a notebook.

The line is plain HTML, not a widget: a saved or reloaded notebook would show "model not found"
where a widget's bar was. It is emptied when the cell ends.
"""

from __future__ import annotations

import contextlib
import functools
import html
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import Any, Generic, TextIO, TypeVar

T = TypeVar("T")
_EVERY = 0.3  # seconds between two looks of a line; each is a message to the browser
_SOON = 2.0  # seconds of a loop before its time left is told
FETCHED = 0.5  # seconds; a run of a grid that takes less was fetched, not made


def interactive() -> bool:
    """Whether a person watches: RDC_INTERACTIVE=1 or 0, else a terminal or a live kernel.

    The notebook runner sets 0: papermill would store a bar as a thousand lines of text.
    """
    setting = os.environ.get("RDC_INTERACTIVE", "auto")
    if setting in ("0", "1"):
        return setting == "1"
    return sys.stderr.isatty() or "ipykernel" in sys.modules


@functools.cache
def say_once(what: str, file: TextIO | None = None) -> None:
    """Print a line once in a process, to stdout if no other file is named."""
    print(what, file=file, flush=True)


class TimeLeft:
    """How long a loop still takes, by the items that it made: those it fetched tell nothing of it.

    Attributes:
        total: number of items. done: how many of them are done; at first, by an earlier try.
        fetched: seconds; an item that takes no longer was fetched. 0 where all are made.
        began: when the loop did, on the monotonic clock.
    """

    def __init__(self, total: int, done: int = 0, fetched: float = 0.0) -> None:
        self.total, self.done, self.fetched = total, done, fetched
        self.began = self._last = time.monotonic()
        self._first, self._made, self._spent = done, 0, 0.0

    def tell(self, done: int) -> None:
        """So many items are done now; may be said again and again."""
        if done <= self.done:
            return
        now = time.monotonic()
        if now - self._last > self.fetched:
            self._made, self._spent = self._made + done - self.done, self._spent + now - self._last
        self.done, self._last = done, now

    @property
    def pace(self) -> float | None:
        """Seconds per item that was made; None before the first."""
        return self._spent / self._made if self._made else None

    @property
    def seconds(self) -> float | None:
        """What the other items take if all are to be made; None before one is done."""
        if self.done == self._first:
            return None
        pace = self.pace or (self._last - self.began) / (self.done - self._first)
        return pace * (self.total - self.done)


class Bar(Generic[T]):
    """Items passed through, with a bar if a person watches.

    Attributes:
        items: to pass through.
        what: the loop's name.
        total: number of items, those done before included; None if nobody knows.
        done: how many are done; a loop that was stopped begins where it was.
        left: how long it still takes.
        note: what is being done now; may be changed at any time.
    """

    def __init__(
        self, items: Iterable[T], what: str, total: int | None, done: int, fetched: float = 0.0
    ) -> None:
        self.items, self.what, self.total, self.done = items, what, total, done
        self.left, self.note = TimeLeft(total or 0, done, fetched), ""

    def __iter__(self) -> Iterator[T]:
        if not interactive():
            return iter(self.items)
        shell = _kernel()
        return self._in_terminal() if shell is None else self._in_notebook(shell)

    def _in_terminal(self) -> Iterator[T]:
        from tqdm import tqdm

        settings: dict[str, Any] = {"initial": self.done, "leave": False, "mininterval": 0.5}
        if self.left.fetched:  # tqdm's own time left counts what was fetched
            shape = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"
            settings |= {"bar_format": shape, "miniters": 1}
        with tqdm(desc=self.what, total=self.total, **settings) as shown:
            for item in self.items:
                yield item
                self._passed()
                own = self._time() if self.left.fetched else ""
                shown.set_postfix_str(", ".join(filter(None, [self.note, own])), refresh=False)
                shown.update()

    def _in_notebook(self, shell: Any) -> Iterator[T]:
        _LINE.begin(self, shell)
        try:
            for item in self.items:
                _LINE.look()
                yield item
                self._passed()
        finally:
            _LINE.end(self)

    def _passed(self) -> None:
        self.done += 1
        self.left.tell(self.done)

    def __str__(self) -> str:
        """Such as "training: 40 of 150, easiest, seed 1, 12 s left"."""
        counted = f": {self.done:,} of {self.total:,}" if self.total else ""
        return ", ".join(filter(None, [self.what + counted, self.note, self._time()]))

    def _time(self) -> str:
        """Such as "12 s left"; "" while nobody knows."""
        seconds = self.left.seconds if self.total else None
        if seconds is None or time.monotonic() - self.left.began < _SOON:
            return ""
        return f"{human_time(seconds)} left"


def bar(
    items: Iterable[T],
    what: str,
    total: int | None = None,
    done: int = 0,
    fetched: float = 0.0,
) -> Bar[T]:
    """Pass items through, with a bar if a person watches.

    Args:
        items: to pass through.
        what: the loop's name.
        total: number of items, `done` included; that of `items` when left out.
        done: items of the loop that an earlier try has done.
        fetched: see `TimeLeft`.
    """
    if total is None and isinstance(items, Sized):
        total = done + len(items)
    return Bar(items, what, total, done, fetched)


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
