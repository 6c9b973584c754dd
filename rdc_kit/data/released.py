"""The sets that the benchmark's authors released on the Hub: their names, and how to read them.

They hold 224 px images with labels 0..999 in `class_id`, no class names and no test split; the test
images are ImageNet's validation folder, named by IMAGENET_VAL_DIR. Its class folders, in sorted
order, stand for 0..999.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from .imagesets import DataError

PREFIX = "he-yang/2025-rethinkdc-imagenet-"
_USUAL = (10, 50, 100)
# Source: README of ArmandXiao/Rethinking-Dataset-Compression.
RELEASED: dict[str, tuple[int, ...]] = {
    "random": (1, 10, 20, 50, 100, 200),
    "sre2l": _USUAL,
    "cda": _USUAL,
    "gvbsm": _USUAL,
    "lpld": _USUAL,
    "rded": _USUAL,
    "dwa": _USUAL,
    "forgetting": _USUAL,
    "el2n": _USUAL,
    "aum": _USUAL,
    "ccs": _USUAL,
}


def facts_of(key: str) -> dict[str, str | int]:
    """Method and ipc of a Hub key; empty for any other key.

    Raises:
        DataError: it starts like a released set, but no such set exists; the message names those
            that exist.
    """
    if not key.startswith(PREFIX):
        return {}
    match = re.fullmatch(r"(\w+)-ipc-(\d+)", key.removeprefix(PREFIX))
    name, ipc = (match[1], int(match[2])) if match else ("", 0)
    if ipc in RELEASED.get(name, ()):
        return {"method": name, "ipc": ipc}
    if name in RELEASED:
        counts = ", ".join(map(str, RELEASED[name]))
        raise DataError(f"{key!r} was not released: {name} has images per class {counts}")
    names = ", ".join(RELEASED)
    raise DataError(f"{key!r} was not released: use {PREFIX}METHOD-ipc-N with METHOD of {names}")


def validation_folder() -> Path | None:
    """IMAGENET_VAL_DIR, if it is set.

    Raises:
        DataError: it is not a folder.
    """
    path = os.environ.get("IMAGENET_VAL_DIR")
    if not path:
        return None
    if not Path(path).is_dir():
        raise DataError(
            f"IMAGENET_VAL_DIR={path} is not a folder: give ImageNet's validation folder"
        )
    return Path(path)
