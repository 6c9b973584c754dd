"""The sets that the benchmark's authors released on the Hub: which there are, and how to read them.

They hold 224 px images with labels 0..999 in `class_id`, no class names and no test split; the test
images are ImageNet's validation folder, named by IMAGENET_VAL_DIR, its class folders in sorted
order standing for 0..999 as everywhere.
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


def keys() -> list[str]:
    """Every released set, as `load` takes it."""
    return [f"hub:{PREFIX}{name}-ipc-{ipc}" for name, ipcs in RELEASED.items() for ipc in ipcs]


def facts_of(key: str) -> dict[str, str | int]:
    """Method and ipc of a Hub key; empty where it is none of these sets.

    Raises:
        DataError: it looks like one but does not exist, naming those that do.
    """
    if not key.startswith(PREFIX):
        return {}
    match = re.fullmatch(r"(\w+)-ipc-(\d+)", key.removeprefix(PREFIX))
    name, ipc = (match[1], int(match[2])) if match else ("", 0)
    if ipc in RELEASED.get(name, ()):
        return {"method": name, "ipc": ipc}
    if name in RELEASED:
        there = ", ".join(map(str, RELEASED[name]))
        raise DataError(f"{key!r} was not released: {name} has images per class {there}")
    there = ", ".join(RELEASED)
    raise DataError(f"{key!r} was not released: use {PREFIX}METHOD-ipc-N with METHOD of {there}")


def validation_folder() -> Path | None:
    """IMAGENET_VAL_DIR, if it is set.

    Raises:
        DataError: it names no folder.
    """
    named = os.environ.get("IMAGENET_VAL_DIR")
    if not named:
        return None
    if not Path(named).is_dir():
        raise DataError(f"IMAGENET_VAL_DIR={named} is no folder: name ImageNet's validation folder")
    return Path(named)
