"""Errors in a notebook: one sentence for what the kit says itself, the traceback on request."""

from __future__ import annotations

import linecache
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from ..ground.folders import PACKAGE
from ..ground.manifests import continue_manifest, read_status, replaced_by, write_manifest

_MORE = "(`%tb` in a cell shows where this was found.)"
_STOPPED = "Stopped. Run the cell again to go on: what was finished is kept, nothing is lost."


def install(folder: Path | None = None, mark: str = "") -> None:
    """From now on a notebook shows the kit's own errors and interrupts as one sentence.

    Outside of a notebook this does nothing.

    Args:
        folder: of the run; its manifest says "failed" from a cell that fails on, and "running"
            again from the next cell that does not. mark: of that run.
    """
    if "ipykernel" not in sys.modules:
        return
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None:
        return
    shell.set_custom_exc((Exception, KeyboardInterrupt), _show)
    if _WATCH not in shell.events.callbacks["post_run_cell"]:
        shell.events.register("post_run_cell", _WATCH)
    _WATCH.folder, _WATCH.mark = folder, mark


def sentence(error: BaseException, trace: TracebackType | None) -> str:
    """What a reader is told of an error that the kit raised itself or of an interrupt in it.

    Returns:
        "" for every other error: only its traceback can explain it.
    """
    frames = []
    while trace is not None:
        frames.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    ours = [(file, line) for file, line in frames if file.startswith(str(PACKAGE))]
    if not ours:
        return ""
    if isinstance(error, KeyboardInterrupt):
        return _STOPPED
    # What the kit says begins with its own `raise`; an error that it stumbles over does not.
    said = ours[-1] == frames[-1] and linecache.getline(*ours[-1]).lstrip().startswith("raise ")
    return f"{error}\n{_MORE}" if said else ""


def _show(
    shell: Any,
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType,
    tb_offset: int | None = None,
) -> list[str] | None:
    """What the shell calls with an error of a cell."""
    told = sentence(error, trace)
    if not told:
        shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
        return None
    sys.last_type, sys.last_value, sys.last_traceback = kind, error, trace  # what %tb shows
    lines = told.split("\n")
    shell._showtraceback(kind, error, lines)
    return lines


class _Watch:
    """Notes in the run's manifest whether the last cell failed."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.mark = ""

    def __call__(self, result: Any) -> None:
        if self.folder is None or replaced_by(self.folder, self.mark):
            return
        error = result.error_before_exec or result.error_in_exec
        status = read_status(self.folder)
        if error is not None and status == "running":
            said = f"{type(error).__name__}: {error}"[:200]
            stopped = isinstance(error, KeyboardInterrupt)
            write_manifest(self.folder, "failed", error="stopped by hand" if stopped else said)
        elif error is None and status == "failed":
            continue_manifest(self.folder)


_WATCH = _Watch()
