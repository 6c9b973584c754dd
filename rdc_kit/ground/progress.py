"""A progress bar for people, silence for logs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Any, TypeVar

T = TypeVar("T")


def interactive() -> bool:
    """Whether somebody watches: RDC_INTERACTIVE=1 or 0 decides, else a terminal or live kernel.

    The notebook runner sets 0, because a bar that papermill stores is a thousand lines of text.
    """
    setting = os.environ.get("RDC_INTERACTIVE", "auto")
    if setting in ("0", "1"):
        return setting == "1"
    return sys.stderr.isatty() or "ipykernel" in sys.modules


def bar(items: Iterable[T], what: str, total: int | None = None) -> Iterable[T]:
    """Pass items through, with a bar when somebody is watching."""
    if not interactive():
        return items
    from tqdm.auto import tqdm

    return tqdm(items, desc=what, total=total, leave=False, mininterval=0.5)


def datasets_library() -> Any:
    """The `datasets` package, imported late because it is slow; its bars off when unwatched."""
    import datasets

    if not interactive():
        datasets.disable_progress_bars()
    return datasets
