"""Columns of a table of images: which hold images and labels, what labels may be, file names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from .imagesets import DataError

IMAGE_COLUMNS = ("image", "img")
LABEL_COLUMNS = ("label", "class_id", "fine_label")


def column_of(names: list[str], allowed: tuple[str, ...], what: str, where: str) -> str:
    """The first of the allowed names that a table has.

    Args:
        names: of its columns. what: they hold. where: the table, for the message.

    Raises:
        DataError: it has none of them.
    """
    for name in allowed:
        if name in names:
            return name
    raise DataError(
        f"{where} has no {what} column: found {', '.join(names)}; "
        f"expected one of {', '.join(allowed)} (rename it with `datasets`' rename_column)"
    )


def labels_of(part: Any, column: str, where: str) -> np.ndarray:
    """The labels of a split, int64 [N].

    Args:
        part: a split of `datasets`. column: of labels. where: the split, for messages.

    Raises:
        DataError: some are missing, below 0, or no whole numbers; the message says what to do.
    """
    cells = part[column][:]
    missing = [row for row, cell in enumerate(cells) if cell is None]
    try:
        values = np.asarray(cells)
    except ValueError:  # lists of unequal length
        values = np.empty((len(cells), 0), dtype=object)
    whole = np.issubdtype(values.dtype, np.integer) and values.ndim == 1
    if whole and (values < 0).any():
        missing = np.flatnonzero(values < 0).tolist()
    if missing:
        raise DataError(
            f"row {missing[0]} of {where} has no label in column {column!r}, but "
            f"{cells[missing[0]]} ({len(missing)} such rows): remove these rows"
        )
    if not whole:
        kind = "texts" if values.dtype.kind == "U" else str(values.dtype)
        kind = kind if values.ndim == 1 else "lists"
        raise DataError(
            f"column {column!r} of {where} holds {kind}, expected whole numbers: make them by "
            f"`datasets`' class_encode_column({column!r})"
        )
    return values.astype(np.int64)


def check_gaps(splits: Iterable[np.ndarray], where: str) -> None:
    """Refuse classes without names that stand for no image: a network would have outputs for them.

    Args:
        splits: labels of each split, int64 [N]. where: the source, for the message.

    Raises:
        DataError: the message names the first number that is in no split.
    """
    present = np.unique(np.concatenate(list(splits)))
    absent = np.setdiff1d(np.arange(present[-1] + 1), present)
    if len(absent):
        raise DataError(
            f"{where}: labels are numbers up to {present[-1]}, and {absent[0]} is none of them "
            f"({len(absent)} such): number the classes from 0 without gaps, or name them "
            "(`datasets`' class_encode_column)"
        )


def names_beside(part: Any, image: str, root: Path | None) -> np.ndarray | None:
    """The names that a table keeps beside its images [N], read without their bytes; None without.

    Args:
        part: a split of `datasets`. image: its column. root: names are seen from this folder.
    """
    chunks = part.data.column(image).chunks
    paths = [path for chunk in chunks for path in chunk.field("path").to_pylist()]
    if None in paths or not any(paths):
        return None
    return np.array([_below(path, root) for path in paths], dtype=object)


def _below(path: str, root: Path | None) -> str:
    """A path as seen from the source's folder; its last name where it is not in there."""
    if not Path(path).is_absolute():
        return path
    inside = root is not None and Path(path).is_relative_to(root.resolve())
    return Path(path).relative_to(root.resolve()).as_posix() if root and inside else Path(path).name


def inside(path: Path, root: Path | None) -> Path:
    """A row's path, seen from the folder of a local dataset.

    Args:
        path: as the row has it. root: the folder; None for a dataset of the Hub.

    Raises:
        ValueError: it leads out of the folder.
    """
    path = path if root is None else root / path
    if root is not None and not path.resolve().is_relative_to(root.resolve()):
        raise ValueError(f"its path {str(path)!r} leads out of {root}")
    return path
