"""The verbs methods, compress and score: sets and scores without a notebook."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ..data.loading import load
from ..ground import files
from ..ground.device import choose_runtime
from ..methods import METHODS, compress, method_named
from ..prune.scores import dynamics


def list_methods() -> int:
    """Print the registry: a line per method."""
    rows = [("method", "family", "needs", "cost", "source")]
    rows += [(name, m.family, m.needs, m.cost, m.source) for name, m in METHODS.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, widths, strict=True)
        print("  ".join(text.ljust(width) for text, width in cells).rstrip())
    print(f"methods: {len(METHODS)}")
    return 0


def check_seed(seed: int) -> None:
    """Refuse a seed below 0.

    Raises:
        ValueError: it is.
    """
    if seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed}")


def save_set(
    method: str,
    dataset: str,
    ipc: int,
    out: Path,
    *,
    seed: int = 0,
    size: int | None = None,
    device: str = "auto",
    on_bad: str = "error",
) -> int:
    """Compress a dataset and save the set in the Hub's format.

    Raises:
        FileExistsError: `out` exists already. ValueError: an unknown method.
    """
    method_named(method)
    check_seed(seed)
    if out.exists():
        raise FileExistsError(f"{out} exists: choose another folder")
    runtime = choose_runtime(device)
    pool = load(dataset, size, on_bad).train
    stored = compress(method, pool, ipc, seed, runtime)
    folder = stored.save(out)
    if "teacher" in stored.provenance:
        facts = stored.provenance
        print(f"teacher {facts['teacher']}: {facts['teacher_top1']:.1f} % of the pool")
    print(f"compress: {stored} in {folder}")
    return 0


def save_scores(
    dataset: str,
    out: Path,
    *,
    epochs: int = 30,
    seed: int = 0,
    size: int | None = None,
    device: str = "auto",
    on_bad: str = "error",
) -> int:
    """Score every image of a pool and write the scores as csv, a row per image.

    Raises:
        ValueError: a wrong seed or number of epochs. FileExistsError: `out` is a folder,
            or a file that is no table of scores.
    """
    check_seed(seed)
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, got {epochs}")
    if out.is_dir():
        raise FileExistsError(f"{out} is a folder: name a file, such as {out / 'scores.csv'}")
    files.check_own(out, "row_id,label,")
    runtime = choose_runtime(device)
    pool = load(dataset, size, on_bad).train
    scores = dynamics(pool, epochs, seed=seed, runtime=runtime)
    columns = {"row_id": pool.row_ids, "label": pool.labels}
    columns |= {name: one.values for name, one in scores.items()}
    never = scores["forgetting"].never_learned
    if never is not None:
        columns["never_learned"] = never
    with files.atomic_path(out) as part:
        table = pd.DataFrame({name: column.numpy() for name, column in columns.items()})
        table.to_csv(part, index=False)
    print(f"score: {', '.join(scores)} of {len(pool):,} rows in {out}; higher = harder")
    return 0
