"""The verbs methods, compress, score and select: sets and scores without a notebook."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..compression import compress
from ..data.checks import check_count
from ..data.holdout import load_pool
from ..data.imagesets import ImageSet
from ..data.saving import INDEX
from ..ground import files, places
from ..ground.device import choose_runtime
from ..ground.names import check_known
from ..ground.seeds import as_seeds
from ..methods import METHODS, method_named
from ..prune.alignment import aligned_rows
from ..prune.finished import finished_runs
from ..prune.indexlists import write_index_lists
from ..prune.metrics import EL2N_EPOCHS, METRICS
from ..prune.scorefiles import Run, check_name, read_score_file, read_scores, write_scores
from ..prune.scores import scoring_run
from ..prune.selection import check_order, select
from ..study.grid.arms import arm_asked
from ..train.protocol import FIELDS


def list_methods() -> None:
    """Print the registry, a line per method, and below it what options they have."""
    rows = [("method", "family", "needs", "cost", "source")]
    rows += [(name, m.family, m.needs, m.cost, m.source) for name, m in METHODS.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, widths, strict=True)
        print("  ".join(text.ljust(width) for text, width in cells).rstrip())
    print("\noptions, after the method as NAME=VALUE:")
    alike = dict[str, list[str]]()
    for name, method in METHODS.items():
        taken = ", ".join(option for option in method.options if option != "scores")  # no text
        alike.setdefault(taken, []).append(name)
    for taken, names in alike.items():
        line = f"  {', '.join(names)}: {taken or 'none'}"
        print(textwrap.fill(line, 100, subsequent_indent="      "))
    print(f"\nmethods: {len(METHODS)}")


def save_set(
    words: str,
    dataset: str,
    ipc: int,
    out: Path,
    *,
    seed: int = 0,
    size: int | None = None,
    device: str = "auto",
    on_bad: str = "error",
) -> None:
    """Compress a dataset and save the set in the Hub's format.

    Args:
        words: the method and its options, such as "pca grid=3".
        dataset, size, on_bad: see `load`; device: see `choose_runtime`.
        ipc: stored images per class. seed: of the set.
        out: a new folder.

    Raises:
        FileExistsError: `out` exists already. ValueError: an unknown method or option, or one that
            belongs to training.
    """
    _check_own(words)
    arm = arm_asked(words)
    if arm.protocol:
        names = ", ".join(arm.protocol)
        raise ValueError(
            f"{names} is no option of {arm.method}: it says how a set is trained on, not what is "
            "in it"
        )
    check_count("seed", seed, 0)
    places.check_new(out)
    runtime = choose_runtime(device)
    pool = load_pool(dataset, size, on_bad)
    stored = compress(arm.method, pool, ipc, seed, runtime, **arm.options)
    folder = stored.save(out)
    if "teacher" in stored.provenance:
        facts = stored.provenance
        print(f"teacher {facts['teacher']}: {facts['teacher_top1']:.1f} % of the pool")
    print(f"compress: {stored} in {folder}")


def _check_own(words: str) -> None:
    """Refuse an unknown option, naming the method's own only: here nothing is trained on a set."""
    method, *given = words.split() or [""]
    known = method_named(method).options
    for word in given:
        if (name := word.partition("=")[0]) not in ("on", *FIELDS):
            check_known(f"option of {method}", name, known, () if known else ("none",))


def save_scores(
    dataset: str,
    out: Path,
    *,
    epochs: int = 30,
    seeds: Sequence[int] = (0,),
    size: int | None = None,
    device: str = "auto",
    on_bad: str = "error",
) -> None:
    """Score every image of a pool, once for each seed, and write a score file, a row per image.

    Raises:
        ValueError: a wrong seed or one twice, a wrong number of epochs or name, or a score that is
            not finite.
        FileExistsError: `out` is a folder, or a file that is no table of scores.
    """
    seeds = as_seeds([check_count("seed", seed, 0) for seed in seeds])
    check_count("epochs", epochs)
    places.check_table(out, "PAR1" if out.suffix == ".parquet" else "row_id,")
    check_name(out)
    runtime = choose_runtime(device)
    pool = load_pool(dataset, size, on_bad)
    runs = [scoring_run(pool, epochs, EL2N_EPOCHS, seed, None, runtime, METRICS) for seed in seeds]
    for run in runs:
        _check_finite(run)
    columns = write_scores(out, pool, runs)
    lost = "" if out.suffix == ".parquet" else "; only a .parquet says how they were made, too"
    print(f"score: {', '.join(columns)} of {len(pool):,} rows in {out}; higher = harder{lost}")


def _check_finite(run: Run) -> None:
    """Refuse what no selection could go by."""
    for name, values in run.values.items():
        bad = (~values.isfinite()).nonzero()
        if len(bad):
            row = int(bad[0])
            raise ValueError(
                f"{name} score of row {row} is {float(values[row])}, as are {len(bad)} of "
                f"{len(values):,}: correct its formula, nothing was written"
            )


def collect_scores(
    dataset: str, folder: Path, *, size: int | None = None, on_bad: str = "error"
) -> None:
    """Put the finished scoring runs of a pool into one score file, beside those that it has.

    Raises:
        ValueError: nothing is finished, or the file holds other images. FileExistsError: `folder`
            is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file: name a folder for the score file")
    pool = load_pool(dataset, size, on_bad)
    path = folder / f"{files.safe_name(dataset)}-{pool.size}px.parquet"
    runs = finished_runs(pool)
    if not runs:
        raise ValueError(
            f"no scoring run of {dataset} at {pool.size} px is finished here: make one with "
            f"`rdc score --dataset {dataset} --size {pool.size}`"
        )
    old = _runs_of(pool, path) if path.exists() else []
    known = {run.hash for run in old}
    new = [run for run in runs if run.hash not in known]
    if new:
        write_scores(path, pool, [*old, *new])
        write_index_lists(path.with_stem(f"{path.stem}-selected"), pool, [*old, *new])
    print(f"score: {len(new)} scoring runs added to {path}, which has {len(old) + len(new)}")


def _runs_of(pool: ImageSet, path: Path) -> list[Run]:
    """The scoring runs of a file whose rows are the pool's, one by one."""
    file = read_score_file(path)
    if not np.array_equal(aligned_rows(pool, file.table, path.name), np.arange(len(file.table))):
        raise ValueError(f"the rows of {path} are not this pool's, one by one: move it away")
    return file.runs


def save_selection(
    dataset: str,
    scores: Path | None,
    out: Path,
    *,
    metric: str = "",
    ipc: int = 10,
    order: str = "easy",
    skip: float = 0.0,
    seed: int = 0,
    size: int | None = None,
    on_bad: str = "error",
) -> None:
    """Choose images by a score file, or at random without one, and save them; nothing is trained.

    Raises:
        FileExistsError: `out` exists already. ValueError: no score file of these images, an unknown
            score or order, too few images.
    """
    check_count("seed", seed, 0)
    check_order(order, skip)
    if scores is None and order != "random":
        raise ValueError(f"--order {order} needs --scores, a file that `rdc score` writes")
    if scores is None and metric:
        raise ValueError(f"--metric {metric} needs --scores, the file that has it: leave it out")
    places.check_new(out)
    pool = load_pool(dataset, size, on_bad)
    known = None if scores is None else read_scores(scores, pool, metric)
    chosen = select(pool, known, ipc, order, seed, skip=skip)
    # "easy" and "hard" are ends of a score; the other orders are methods of their own.
    method = order if order in ("random", "ccs") else chosen.provenance["score"]
    family = "baseline" if order == "random" else "pruning"
    facts = {"method": method, "family": family, "ipc": ipc, "seed": seed}
    chosen = replace(chosen, provenance=chosen.provenance | facts)
    print(f"select: {chosen} in {chosen.save(out)}; {INDEX} there lists the originals")
