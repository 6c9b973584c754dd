"""The files of the campaign's rows: read whole, appended by one process at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from ...ground import files, store
from .rows import COLUMNS, HASHES

# What a plan may change of a setting, whose rows stay in one file.
OF_SETTING = ("dataset", "size", "precision", "scorer", "taught_by")
# What tells the trials of a setting apart.
IDENTITY = (
    *("arm", "budget", "protocol", "epochs", "student"),
    *("seed", "set_seed", "training_seed", "crops"),
)
_ALWAYS = ("run_hash", "hits")  # that no row lacks; rows of entropy have no hits
_MEND = (
    "take out what was half-written, a second header and the marks of a merge (<<<<<<<, =======, "
    ">>>>>>>), and keep the whole rows of both sides, in UTF-8; or fetch the file again with git "
    "checkout"
)


def read_rows(path: Path) -> pd.DataFrame:
    """All rows of a file of the campaign; none if there is no file.

    Raises:
        Damaged: a line of it is no whole row.
    """
    if not path.is_file():
        return pd.DataFrame(columns=[*COLUMNS, "crops"])
    try:
        rows = pd.read_csv(path, dtype={"crops": str, **HASHES})
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise files.Damaged(f"{path}: {error}; {_MEND}") from None
    _check_whole(path, rows)
    return rows.assign(crops=rows["crops"].fillna("") if "crops" in rows else "")


def _check_whole(path: Path, rows: pd.DataFrame) -> None:
    """Refuse rows that were cut short, and what is left where two files were joined."""
    line, begins = 1, str(rows.columns[0])
    if "run_hash" in rows:
        cut = rows[[name for name in _ALWAYS if name in rows]].isna().any(axis=1)
        broken = (cut | (rows["run_hash"] == "run_hash")).to_numpy()  # or a second header
        if not broken.any():
            return
        place = int(broken.argmax())
        line, begins = place + 2, str(rows.iloc[place, 0])
    raise files.Damaged(f"{path}, line {line}, {begins[:20]!r}, is no whole row: {_MEND}")


def identity_of(row: dict[Any, Any]) -> tuple[object, ...]:
    """What tells the trials of a setting apart, of a row."""
    return tuple(row[name] for name in IDENTITY)


def row_keys(rows: pd.DataFrame) -> list[tuple[object, ...]]:
    """What tells the rows of a file apart, however many machines have made one of them."""
    more = ("scoring_seed", "teacher_seed", *OF_SETTING)
    return [
        (*identity_of(row), *(None if pd.isna(row.get(name)) else row[name] for name in more))
        for row in rows.to_dict("records")
    ]


def append_new(
    path: Path,
    table: pd.DataFrame,
    read: Callable[[Path], pd.DataFrame] = read_rows,
    keys: Callable[[pd.DataFrame], list[tuple[object, ...]]] = row_keys,
) -> pd.DataFrame:
    """Append those rows that a file lacks, in whole or not at all; one process at a time.

    Args:
        path: of the csv, which need not be there yet. table: the rows, with its columns.
        read: the rows of a file, none where it is not there.
        keys: what tells rows apart, one for each.

    Returns:
        The rows that were new.
    """
    with store.lock_of(path):
        old = read(path)
        known = set(keys(old))
        new = table[[key not in known for key in keys(table)]]
        if len(new):
            files.write_csv(path, pd.concat([old, new], ignore_index=True) if len(old) else new)
    return new
