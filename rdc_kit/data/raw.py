"""A split of a source before decoding, and what sources call their two splits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

TRAIN_NAMES = ("train", "training")
TEST_NAMES = ("validation", "val", "valid", "test", "testing", "dev", "eval")

# (row) -> encoded bytes, a path, or a decoded uint8 array [H, W] or [H, W, 3]
Fetch = Callable[[int], bytes | Path | np.ndarray]


@dataclass(frozen=True)
class Raw:
    """One split before decoding.

    Attributes:
        fetch: image of a row.
        where: readable name of a row, for error messages.
        labels: int64 [N].
        classes: class names.
        identity: facts for JSON that change when the files change; part of the cache key.
        note: facts for the provenance, such as the columns used.
        saved: facts that this kit saved with the set (see saving.py); else empty.
        names: file names below the source's folder [N]; None where the source has none.
        unread: files that are not read, by name or place; photographs first.
        beside: what else is not read, such as a second test split: "folder test, beside val".
        merged: folders that hold all images of a class, such as "cat, dog below animals".
        called: what the source calls this split, such as "val"; empty where it has no name.
    """

    fetch: Fetch
    where: Callable[[int], str]
    labels: np.ndarray
    classes: tuple[str, ...]
    identity: Any
    note: dict[str, Any] = field(default_factory=dict)
    saved: dict[str, Any] = field(default_factory=dict)
    names: np.ndarray | None = None
    unread: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()
    called: str = ""

    def name(self, row: int) -> str:
        """Short name of a row, for tables: its file, or what `where` says."""
        return self.where(row) if self.names is None else str(self.names[row])
