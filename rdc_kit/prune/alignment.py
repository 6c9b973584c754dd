"""Alignment: which row of a table belongs to which image of a pool, by content or by file name.

Never by position: a table in another order, or one of other images, would be shifted in silence.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..data.imagesets import DataError, ImageSet
from ..data.origins import CONTENT, FILE, content_hashes, file_names

FILES = (FILE, "filename", "file", "path", "image", "name")


def aligned_rows(
    pool: ImageSet, table: pd.DataFrame, where: str, made_from: str = ""
) -> np.ndarray:
    """The row of a table for each image of a pool, int64 [len(pool)].

    Args:
        pool: the images.
        table: with a column "content" (see `origins.content_hashes`), or of file names: one of
            FILES. A column "class" of class names must agree with the pool's.
        where: the table's name, for messages.
        made_from: the images that it was made from, for messages.

    Raises:
        DataError: an image has no row, or a row of another class; or there is nothing to go by.
    """
    if CONTENT in table:
        return _by_content(pool, table, where, made_from)
    column = next((name for name in FILES if name in table), None)
    names = file_names(pool).tolist()
    if "" in names:
        raise DataError(
            f"the images of {_source(pool)} have no file names, and {where} has no column {CONTENT}"
            f" to match its rows with them: found {', '.join(table)}; add it, row by row "
            "rdc_kit.data.origins.content_hashes(pool.images)"
        )
    if column is None:
        raise DataError(
            f"{where} has neither a column {CONTENT} nor one of file names, so its rows cannot be "
            f"matched with images: found {', '.join(table)}; add file_name, such as cat/1.jpg"
        )
    rows = _by_name(names, table[column].tolist(), where)
    return _same_classes(pool, table, rows, where)


def _by_content(pool: ImageSet, table: pd.DataFrame, where: str, made_from: str) -> np.ndarray:
    """Equal images go by their class and file name, then in the order in which they stand."""
    named = "class" in table
    ours = pd.DataFrame({CONTENT: content_hashes(pool.images), FILE: file_names(pool)})
    ours["class"] = pool.named_labels if named else ""
    _check_once(table, ours, where)
    theirs = table[[CONTENT]].assign(
        **{"class": table["class"] if named else "", FILE: table.get(FILE, "")}
    )
    rows = pd.Series(-1, index=ours.index)
    for side in (ours, theirs):
        side["nth"] = side.groupby([CONTENT, "class"]).cumcount()
    keys = [[CONTENT, "class", FILE, "nth"], [CONTENT, "class", FILE], [CONTENT, "class", "nth"]]
    for key in (*keys, [CONTENT, "class"], [CONTENT]):
        first = theirs.assign(row=range(len(theirs))).drop_duplicates(key)
        found = ours.merge(first, "left", key)["row"]
        rows = rows.where(rows >= 0, found.fillna(-1).astype(np.int64))
    missing = int((rows < 0).sum())
    if missing:
        remedy = f"it was made from {made_from}; load that, or " if made_from else ""
        raise DataError(
            f"{where} holds scores for {len(ours) - missing} of the {len(ours)} images of "
            f"{_source(pool)} at {pool.size} px: {remedy}score these (rdc score)"
        )
    return _same_classes(pool, table, rows.to_numpy(), where)


def _check_once(table: pd.DataFrame, ours: pd.DataFrame, where: str) -> None:
    """Refuse a table that says two things of one image, such as two tables put together.

    Without names it may say as many of a content as the pool has copies. Row numbers tell copies
    apart, unless every image has too many of them: then they only run on through both tables.
    """
    names = [name for name in (FILE, "row_id") if name in table and _is_full(table[name])]
    own = table.drop_duplicates()
    image = [CONTENT, *(["class"] if "class" in table else [])]
    copies = ours.groupby(image).size()
    if "row_id" in names and len(copies) > 1:
        rows = own.groupby(image).size().reindex(copies.index, fill_value=0)
        if (rows > copies).all() and not own.duplicated([*image, "row_id"]).any():
            names.remove("row_id")
            own = own.drop(columns="row_id").drop_duplicates()
    keys = [*image, *names]
    told = own.groupby(keys, sort=False, dropna=False).size().reset_index(name="rows")
    if names:
        told["copies"] = 1
    else:
        told = told.merge(copies.reset_index(name="copies"), "left", keys)
        told = told.fillna({"copies": len(own)})
    twice = told[told["rows"] > told["copies"]]
    if len(twice):
        first = ", ".join(f"{name} {twice[name].iloc[0]}" for name in names or keys)
        raise DataError(f"{where} has several rows for {first}: keep one row for each image")


def _is_full(column: pd.Series) -> bool:
    """Whether every row has a name in it."""
    return bool((column.notna() & (column != "")).all())


def _by_name(ours: list[str], theirs: list[str], where: str) -> np.ndarray:
    """Two names are one where one is the end of the other: train/cat/1.jpg, cat/1.jpg, 1.jpg."""
    parts = [str(name).replace("\\", "/").strip("/").split("/") for name in theirs]
    whole: dict[str, set[int]] = {}  # rows by their whole name
    ending: dict[str, set[int]] = {}  # rows by each end of it
    for row, path in enumerate(parts):
        whole.setdefault("/".join(path), set()).add(row)
        for end in _ends(path):
            ending.setdefault(end, set()).add(row)
    none: set[int] = set()
    found = [
        ending.get(name, none).union(*(whole.get(end, none) for end in _ends(name.split("/"))))
        for name in ours
    ]
    _check_names(ours, found, where)
    return np.array([rows.pop() for rows in found], dtype=np.int64)


def _ends(path: list[str]) -> list[str]:
    return ["/".join(path[start:]) for start in range(len(path))]


def _check_names(ours: list[str], found: list[set[int]], where: str) -> None:
    lost = [name for name, rows in zip(ours, found, strict=True) if not rows]
    if lost:
        raise DataError(
            f"{where} names {len(ours) - len(lost)} of the {len(ours)} images; {lost[0]} has no "
            "row: add the rows that are missing, or take these images out of the folder"
        )
    twice = [name for name, rows in zip(ours, found, strict=True) if len(rows) > 1]
    if twice:
        raise DataError(
            f"{where} has several rows for {twice[0]}: keep one row for each image, named with its "
            "folders"
        )
    if len(set().union(*found)) < len(ours):
        raise DataError(
            f"the file names in {where} do not tell the images apart: give them with their folders,"
            f" such as {ours[0]}"
        )


def _same_classes(pool: ImageSet, table: pd.DataFrame, rows: np.ndarray, where: str) -> np.ndarray:
    """The rows, if the table's class names are the pool's: a score is of an image *and* a label."""
    if "class" not in table:
        return rows
    other = np.flatnonzero(table["class"].to_numpy()[rows] != pool.named_labels)
    if not len(other):
        return rows
    image = int(other[0])
    raise DataError(
        f"{len(other)} images have another class in {where} than here, the first is row "
        f"{int(pool.row_ids[image])}, {pool.named_labels[image]!r} here and "
        f"{table['class'].iloc[rows[image]]!r} there: score the images with their present labels"
    )


def _source(pool: ImageSet) -> str:
    return str(pool.provenance.get("source", "this set"))
