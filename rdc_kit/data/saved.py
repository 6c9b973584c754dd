"""What `save` wrote beside the table of a set, read back: from a folder, or from the Hub."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from .imagesets import DataError, Traits
from .origins import Origins, read_index
from .saving import FACTS, INDEX

_FACTS = {"grid", "view", "traits", "provenance"}  # in rdc.json
_COLUMNS = {"label", "class_id", "row_id"}  # of every table that `save` wrote


def beside(path: Path, tables: Any) -> dict[str, Any]:
    """The facts of a saved set; empty where there are none.

    Args:
        path: its folder, the data/ in it, or its file.
        tables: split -> table of `datasets`; facts one folder up are of these only if they have the
            columns of a saved set.

    Raises:
        DataError: the files are not what `save` wrote.
    """
    table = path.absolute() if path.is_dir() else path.absolute().parent
    homes = [table, table.parent] if table.name == "data" else [table]
    home = next((folder for folder in homes if (folder / FACTS).is_file()), table)
    return _read(home) if home == path.absolute() or _is_ours(tables) else {}


def on_the_hub(key: str, tables: Any, cache: str, revision: str | None) -> dict[str, Any]:
    """The facts of a saved set that was published, fetched; empty where there are none.

    Args:
        key: of the Hub. tables: see `beside`. cache: folder of the downloads. revision: of the set.

    Raises:
        DataError: the files are not what `save` wrote. EntryNotFoundError: there is no network, and
            nobody knows whether the Hub has any.
    """
    home = _fetched(key, cache, revision) if _is_ours(tables) else None
    return _read(home) if home else {}


def _is_ours(tables: Any) -> bool:
    """Whether a table has the columns that `save` writes, so that facts must lie beside it."""
    return any(set(table.column_names) >= _COLUMNS for table in tables.values())


def _read(folder: Path) -> dict[str, Any]:
    """What `save` wrote beside the table of a set; empty where there is nothing."""
    if not (folder / FACTS).is_file():
        return {}
    saved = _saved_facts(folder / FACTS)
    if (folder / INDEX).is_file():
        saved["origins"] = _read_originals(folder / INDEX)
    return saved


def _saved_facts(path: Path) -> dict[str, Any]:
    """The facts that `save` wrote beside a set."""
    try:
        facts = json.loads(path.read_text())
    except ValueError as error:
        facts = error
    if wrong := _wrong_in(facts):
        raise DataError(
            f"{path} is not what save wrote ({wrong}): save the set again, or remove the file"
        )
    return facts


def _wrong_in(facts: Any) -> str:
    """What facts have that `save` does not write, or lack; "" for nothing."""
    if not isinstance(facts, dict):
        return "it holds no table"
    if absent := _FACTS - facts.keys():
        return f"it lacks {', '.join(sorted(absent))}"
    if not all(isinstance(facts[name], dict) for name in ("traits", "provenance")):
        return "traits and provenance must be tables"
    if unknown := facts["traits"].keys() - {trait.name for trait in fields(Traits)}:
        return f"{', '.join(sorted(unknown))} is no trait; a newer kit may know it"
    grid = facts["grid"]
    if not isinstance(grid, list) or [type(n) for n in grid] != [int, int] or min(grid) < 1:
        return f"grid must be [rows, columns] of cells, got {grid!r}"
    return ""


def _read_originals(path: Path) -> Origins | None:
    """The index list that `save` wrote beside a set."""
    import pandas as pd

    try:
        return read_index(pd.read_csv(path, dtype=str, keep_default_na=False))
    except ValueError as error:
        raise DataError(
            f"{path} is not what save wrote: save the set again, or remove it"
        ) from error


def _fetched(key: str, cache: str, revision: str | None) -> Path | None:
    """The folder with what `save` wrote beside a set of the Hub; None where it has no facts."""
    import huggingface_hub  # late: slow
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    place = None
    for name in (INDEX, FACTS):  # the facts last: the folder is theirs
        try:
            place = huggingface_hub.hf_hub_download(
                key, name, repo_type="dataset", revision=revision, cache_dir=cache
            )
        except EntryNotFoundError as error:
            known = huggingface_hub.try_to_load_from_cache(key, name, cache, revision, "dataset")
            absent = known is huggingface_hub._CACHED_NO_EXIST  # as was seen when there was network
            if isinstance(error, LocalEntryNotFoundError) and not absent:
                raise
            place = None
    return Path(place).parent if place else None
