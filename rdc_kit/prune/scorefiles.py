"""Score files: a row per image, a column per score and seed, and how each scoring run was made.

Parquet, or csv without the second part.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from ..data.imagesets import DataError, ImageSet
from ..data.origins import CONTENT, FILE, PLACE, content_hashes, file_names
from ..ground import files, store
from ..ground.folders import expanded
from ..ground.names import unknown
from ..ground.seeds import as_seeds
from .alignment import FILES, aligned_rows
from .recorders import Scores

SUFFIXES = (".parquet", ".csv")
FACTS = b"rdc_kit"
_NO_SCORES = {*PLACE, *FILES, "class_id", "members", "member_files"}
_FLAG = "never_learned"


@dataclass(frozen=True, eq=False)
class Run:
    """A finished scoring run.

    Attributes:
        config: all that it depends on; its hash names it.
        values: name -> float32 [N], higher = harder; "never_learned" is bool [N].
        facts: what else is known: seconds, views, versions, machine.
    """

    config: dict[str, Any]
    values: dict[str, Tensor]
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """Name of the run."""
        return store.config_hash(self.config)

    def __str__(self) -> str:
        how, epochs = self.config, self.config["protocol"]["epochs"]
        return f"run {self.hash}, {epochs} epochs of {how['student']}, seed {how['seed']}"


def check_name(path: Path) -> None:
    """Refuse a name that says no known format.

    Raises:
        ValueError: it ends neither in .parquet nor in .csv.
    """
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path} must end in .parquet or .csv, which says the format")


def write_scores(path: Path, pool: ImageSet, runs: Iterable[Run]) -> list[str]:
    """Write a score file, whole or not at all.

    Args:
        path: ends in .parquet or .csv.
        pool: the images, in the order of the runs' values.
        runs: of this pool.

    Returns:
        The names of the score columns, such as "el2n_seed0".
    """
    scores: dict[str, np.ndarray] = {}
    recipes: dict[str, Any] = {}
    listed = [_with_columns(run, scores, recipes) for run in runs]
    with files.atomic_path(path) as part:
        full = pd.concat([_images_of(pool), pd.DataFrame(scores)], axis=1)
        if path.suffix == ".csv":
            full.to_csv(part, index=False)
        else:
            _write_parquet(part, full, _facts_of(pool) | {"runs": listed})
    return [name for name in scores if not name.startswith(_FLAG)]


def _images_of(pool: ImageSet) -> pd.DataFrame:
    """The columns that tell whose scores these are."""
    return pd.DataFrame(
        {
            "row_id": pool.row_ids.numpy(),
            FILE: file_names(pool),
            CONTENT: content_hashes(pool.images),
            "label": pool.labels.numpy(),
            "class": pool.named_labels,
        }
    )


def _with_columns(
    run: Run, scores: dict[str, np.ndarray], recipes: dict[str, Any]
) -> dict[str, Any]:
    """What a file says of a run; its values become columns, equal ones the same column."""
    columns = {}
    for name, values in run.values.items():
        recipe, array = _recipe(run.config, name), values.numpy()
        how = f"{run.config['student']}_{run.config['protocol']['epochs']}epochs"
        for wanted in (name, f"{name}_{how}", f"{name}_{how}_{store.config_hash(recipe)[:6]}"):
            column = f"{wanted}_seed{run.config['seed']}"
            same = column not in scores or np.array_equal(scores[column], array, equal_nan=True)
            if same and recipes.setdefault(wanted, recipe) == recipe:
                break
        columns[name], scores[column] = column, array
    return {"config_hash": run.hash, "config": run.config, "facts": run.facts, "columns": columns}


def _recipe(config: dict[str, Any], name: str) -> dict[str, Any]:
    """All but the seed that a score depends on; EL2N is of a run's first epochs only."""
    own = config.get("own_metrics", {})
    besides = ("seed", "metrics", "own_metrics", "el2n_epochs")
    left = {k: v for k, v in config.items() if k not in besides}
    left |= {"code": own[name]} if name in own else {}
    if name == "el2n" and "el2n_epochs" in config:
        left["protocol"] = left["protocol"] | {"epochs": config["el2n_epochs"]}
    return left


def _facts_of(pool: ImageSet) -> dict[str, Any]:
    return {
        "dataset": pool.provenance.get("source", "?"),
        "size": pool.size,
        "classes": pool.classes,
        "difficulty": "higher = harder",
        "written_with": store.versions(),
    }


def _write_parquet(path: Path, table: pd.DataFrame, facts: dict[str, Any]) -> None:
    """Numbers byte by byte of equal rank, which makes them smaller; a checksum for each page."""
    columns = pa.Table.from_pandas(table, preserve_index=False)
    columns = columns.replace_schema_metadata({FACTS: json.dumps(facts)})
    numbers = [f.name for f in columns.schema if pa.types.is_floating(f.type)]
    pq.write_table(
        columns,
        path,
        compression="zstd",
        compression_level=19,
        use_dictionary=[FILE, "class", "label"],
        use_byte_stream_split=[name for name in numbers if not name.startswith("forgetting")],
        write_page_checksum=True,
    )


@dataclass(frozen=True, eq=False)
class ScoreFile:
    """A score file in memory: its rows, and what it says of itself ({} for csv)."""

    path: Path
    table: pd.DataFrame
    facts: dict[str, Any]

    @property
    def runs(self) -> list[Run]:
        """The scoring runs, with their values."""
        return [run_from(self.table, listed) for listed in self.facts.get("runs", [])]

    def columns(self) -> dict[str, list[str]]:
        """Each score and the columns of its seeds; a score is a column of numbers."""
        found: dict[str, list[str]] = {}
        for name in self.table.columns:
            if name in _NO_SCORES or name.startswith(_FLAG):
                continue
            if pd.to_numeric(self.table[name], errors="coerce").notna().any():
                found.setdefault(re.sub(r"_seed\d+$", "", name), []).append(name)
        return found


def run_from(table: pd.DataFrame, listed: dict[str, Any]) -> Run:
    """A run of a score file, by what the file says of it (see FACTS)."""
    values = {
        k: torch.from_numpy(table[c].to_numpy(copy=True)) for k, c in listed["columns"].items()
    }
    return Run(listed["config"], values, listed["facts"])


def read_score_file(path: Path | str) -> ScoreFile:
    """Read a score file.

    Raises:
        DataError: it is absent, damaged, or no table. ValueError: it begins with ~ and an unknown
            user.
    """
    path = expanded(path, "the file")
    if not path.is_file():
        raise DataError(f"{path} is no score file: `rdc score --out scores.parquet` writes one")
    try:
        if path.suffix.lower() == ".csv":
            table, facts = pd.read_csv(path, dtype=str, keep_default_na=False), {}
        else:
            read = pq.read_table(path, page_checksum_verification=True)
            facts = json.loads((read.schema.metadata or {}).get(FACTS, b"{}"))
            table = read.replace_schema_metadata(None).to_pandas()
    except (ValueError, OSError, pa.ArrowException) as error:
        said = str(error).splitlines()[0]
        raise DataError(
            f"{path} cannot be read as a score file ({said}): write it again"
        ) from error
    return ScoreFile(path, table, facts)


def read_scores(
    path: Path | str, pool: ImageSet, metric: str = "", seeds: Sequence[int] | None = None
) -> Scores:
    """Difficulty of a pool's images from a file; nothing is trained.

    Args:
        path: parquet or csv from `rdc score`, or a csv of your own with file names or contents and
            a column of numbers, higher = harder.
        pool: the images; rows find them by content or file name, see `alignment`, in any order.
        metric: "el2n", say, for the mean over its seeds, or one column, such as "el2n_seed3"; the
            only score of the file if left out, else "el2n".
        seeds: those to take the mean over; all in the file if left out.

    Raises:
        DataError: it is no score file, or holds scores of other images.
        ValueError: it has no such score or seed; the message names those that it has.
    """
    file = read_score_file(path)
    where = file.path.name
    metric, columns = _chosen(file, metric, seeds)
    made_from = f"{file.facts['dataset']} at {file.facts['size']} px" if file.facts else ""
    values = torch.stack([_numbers(file.table, name, where) for name in columns]).mean(0)
    rows = torch.tensor(aligned_rows(pool, file.table, where, made_from))
    flags = _FLAG + columns[0].removeprefix("forgetting")
    never = None
    if metric.startswith("forgetting") and len(columns) == 1 and flags in file.table:
        never = torch.tensor((file.table[flags].astype(str) == "True").to_numpy())[rows]
    listed = file.facts.get("runs", [])
    made = [Run(r["config"], {}) for r in listed if set(columns) & set(r["columns"].values())]
    source = f"{where} {', '.join(columns)} ({'; '.join(map(str, made)) or 'not said how made'})"
    return Scores.of(pool, metric, values[rows], never, source)


def _chosen(file: ScoreFile, metric: str, seeds: Sequence[int] | None) -> tuple[str, list[str]]:
    """The score that is asked for, and its columns."""
    known, where = file.columns(), file.path.name
    if metric not in known and metric in file.table and metric not in _NO_SCORES:
        if seeds is not None:
            raise ValueError(
                f"{metric} is one column of {where}: leave seeds out, or say the score"
            )
        return re.sub(r"_seed\d+$", "", metric), [metric]
    if not known:
        found = ", ".join(file.table) or "nothing"
        raise DataError(
            f"{where} has no column of scores, numbers higher for harder images: found {found}"
        )
    if not metric and len(known) > 1 and "el2n" not in known:
        raise ValueError(f"{where} has several scores, say which by metric=: {', '.join(known)}")
    metric = metric or ("el2n" if "el2n" in known else next(iter(known)))
    if metric not in known:
        others = [c for c in file.table if c not in _NO_SCORES and not c.startswith(_FLAG)]
        empty = [c for c in others if not any(c in columns for columns in known.values())]
        told = f"; columns without a number: {', '.join(empty)}" * bool(empty)
        raise ValueError(unknown(f"score in {where}", metric, known) + told)
    if seeds is None:
        return metric, known[metric]
    columns = [f"{metric}_seed{seed}" for seed in as_seeds(seeds)]
    for column in columns:
        if column not in known[metric]:
            raise ValueError(f"{where} has no {column}: it has {', '.join(known[metric])}")
    return metric, columns


def _numbers(table: pd.DataFrame, name: str, where: str) -> Tensor:
    """A column as float32 [rows]; an empty cell is NaN."""
    try:
        return torch.from_numpy(table[name].replace("", "nan").to_numpy(np.float32).copy())
    except (TypeError, ValueError):
        raise DataError(f"column {name!r} of {where} holds something else than numbers") from None
