"""A progress bar for people, no output for logs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def interactive() -> bool:
    """Whether a person watches: RDC_INTERACTIVE=1 or 0, else a terminal or a live kernel.

    The notebook runner sets 0: papermill would store a bar as a thousand lines of text.
    """
    setting = os.environ.get("RDC_INTERACTIVE", "auto")
    if setting in ("0", "1"):
        return setting == "1"
    return sys.stderr.isatty() or "ipykernel" in sys.modules


def bar(items: Iterable[T], what: str, total: int | None = None) -> Iterable[T]:
    """Pass items through, with a bar if a person watches."""
    if not interactive():
        return items
    from tqdm.auto import tqdm

    return tqdm(items, desc=what, total=total, leave=False, mininterval=0.5)


def human_time(seconds: float) -> str:
    """Human time: "40 s", "12 min", "3.5 h"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
