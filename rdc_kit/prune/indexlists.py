"""Index lists: which images scoring runs find easiest and hardest, for who wants just these."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from ..data.imagesets import ImageSet
from ..data.origins import FILE, index_list
from ..ground import files
from .recorders import Scores
from .scorefiles import Run
from .selection import select

PER_CLASS = 50


def write_index_lists(path: Path, pool: ImageSet, runs: Iterable[Run]) -> None:
    """Write what `select` takes of each class by each run, easiest and hardest, as parquet.

    Args:
        path: ends in .parquet.
        pool: the images.
        runs: of this pool; a run's seed breaks ties, as it does where one seed is the root of all.

    The first k of a class are the selection of k per class. Columns: score, epochs, student, seed,
    order, class, rank (0 is chosen first), row_id, file_name (where there is one), content, value.
    """
    parts = [
        _list_of(pool, run, name, order)
        for run in runs
        for name in run.values
        if name != "never_learned"
        for order in ("easy", "hard")
    ]
    table = pd.concat(parts, ignore_index=True)
    if (table[FILE] == "").all():
        table = table.drop(columns=FILE)
    with files.atomic_path(path) as part:
        table.to_parquet(part, compression="zstd", compression_level=19, index=False)


def _list_of(pool: ImageSet, run: Run, name: str, order: str) -> pd.DataFrame:
    seed, count = run.config["seed"], min(PER_CLASS, int(pool.counts().min()))
    scores = Scores.of(pool, name, run.values[name])
    listed = index_list(select(pool, scores, count, order, seed)).rename(columns={name: "value"})
    listed["rank"] = listed.groupby("label").cumcount().astype("int16")
    facts = {"score": name, "epochs": run.config["protocol"]["epochs"]}
    facts |= {"student": run.config["student"], "seed": seed, "order": order}
    listed = listed.assign(**facts)
    return listed[[*facts, "class", "rank", "row_id", FILE, "content", "value"]]
