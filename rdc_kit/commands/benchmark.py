"""The benchmark: a grid of methods, planned first, run, and summed up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ..data.imagesets import DataError
from ..data.loading import load
from ..ground import store
from ..ground.progress import interactive
from ..ground.runtime import choose_runtime, data_dir
from ..methods import METHODS, find
from ..prune.selection import check_enough
from ..study.figures import base as figures
from ..study.figures import methods as charts
from ..study.grid.experiments import Bench, Cell, grid, run_cells
from ..study.grid.plan import minutes, plan
from ..study.verdicts import published
from ..study.verdicts.metrics import against_random, ranking
from ..train import protocols
from ..train.protocols import Protocol


def recipes(
    labels: Sequence[str], names: Sequence[str] = (), epochs: int | None = None
) -> list[Protocol]:
    """The protocols of a grid: the benchmark's for each kind of labels, and others by name.

    Raises:
        ValueError: unknown labels or protocol.
    """
    for kind in labels:
        if kind not in ("hard", "soft"):
            raise ValueError(f"labels must be hard or soft, got {kind!r}")
    found = [protocols.find(name) for name in dict.fromkeys([*labels, *names])]
    return [p.but(epochs=epochs) for p in found] if epochs else found


def benchmark(
    dataset: str,
    methods: Sequence[str],
    ipcs: Sequence[int],
    labels: Sequence[str],
    named: Sequence[str] = (),
    students: Sequence[str] = (),
    seeds: int = 3,
    epochs: int | None = None,
    size: int | None = None,
    one_set: bool = False,
    teacher: str | None = None,
    teacher_epochs: int = 30,
    iterations: int | None = None,
    device: str = "auto",
    plan_only: bool = False,
    out: Path | None = None,
) -> int:
    """Plan a grid, run it, print and keep its table; see `study.experiments.grid`.

    Returns:
        Exit status: 0 when every run is there.
    """
    methods = list(METHODS) if list(methods) == ["all"] else methods
    wanted, runtime = recipes(labels, named, epochs), choose_runtime(device)
    if seeds < 1 or min(ipcs, default=0) < 1:
        raise ValueError(f"seeds and ipc must be at least 1, got {seeds} and {list(ipcs)}")
    pool, test = load(dataset, size)
    if test is None:
        raise DataError(f"{dataset} has no test set: add a val/ folder or a validation split")
    options: dict[str, Any] = {"iterations": iterations} if iterations else {}
    bench = Bench(pool, test, runtime, teacher, teacher_epochs, options)
    cells = grid(bench, methods, ipcs, wanted, seeds, students, one_set)
    names = list(dict.fromkeys(cell.arm.method for cell in cells))
    check_enough(pool, max(ipcs) * (4 if "pca" in names else 1))
    print(
        f"benchmark: {dataset} at {pool.size} px, {len(names)} methods x ipc "
        f"{', '.join(map(str, ipcs))} x {', '.join(p.name for p in wanted)} x {seeds} seeds"
    )
    print(plan(cells, bench), flush=True)
    if plan_only:
        return 0
    if any(c.protocol.labels != "hard" or "teacher" in find(c.arm.method).needs for c in cells):
        asked = bench.asked()
        print(
            f"teacher {', '.join(asked.teacher.names)}: {asked.teacher.top1:.1f} % of the pool, "
            f"{asked.top1:.1f} % of the test images",
            flush=True,
        )
    table = run_cells(cells, bench, None if interactive() else _Log(len(cells)))
    out = out or data_dir() / "runs" / "benchmark" / _name(dataset, cells, bench) / "runs.csv"
    _keep(table, bench, out)
    _draw(table)
    print(f"benchmark: {len(table)} runs in {out}")
    return 0


def _keep(table: pd.DataFrame, bench: Bench, out: Path) -> None:
    """Write the runs, their differences to Random and the ranking side by side; print a summary."""
    tables = {"": table, "-differences": against_random(table)}
    with pd.option_context("display.width", 200, "display.max_columns", 50):
        print(f"\ntop-1 %, mean ± sd, n = {table['seed'].nunique()} seeds")
        print(summary(table))
        usual = table[table["protocol"].isin(["hard", "soft"])]
        if set(usual["labels"]) == {"hard", "soft"} and usual["student"].nunique() == 1:
            full = bench.full(usual["student"].iloc[0])
            tables["-ranking"] = ranking(usual, full).assign(full=full).round(4)
            print(f"\nagainst the whole pool ({full:.1f} %) and random; lrs in 0..1, else points")
            print(tables["-ranking"].round(2).to_string(index=False))
    for ending, one in tables.items():
        with store.atomic_path(out.with_name(out.stem + ending + ".csv")) as part:
            one.to_csv(part, index=False)


class _Log:
    """A line a minute for logs, where no bar is shown."""

    def __init__(self, total: int) -> None:
        self.total, self.began = total, time.monotonic()
        self.said = self.began

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if now - self.said > 60:
            left = (now - self.began) / done * (self.total - done)
            print(f"{done} of {self.total} runs, about {minutes(left)} left", flush=True)
            self.said = now


def _name(dataset: str, cells: Sequence[Cell], bench: Bench) -> str:
    key = store.config_hash([repr(cells), bench.keys, bench.options, bench.teacher])
    return f"{store.safe_name(dataset)}-{key[:8]}"


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and sd of top-1 as text, a row per method, a column per ipc, protocol and network."""
    columns = ["ipc", "protocol"] + (["student"] if table["student"].nunique() > 1 else [])
    groups = table.groupby(["method", *columns], sort=False)["top1"]
    text = groups.agg(lambda v: f"{v.mean():.1f}" + (f" ± {v.std():.1f}" if len(v) > 1 else ""))
    return text.unstack(columns, sort=False)


def _draw(table: pd.DataFrame) -> None:
    """The figure of soft against hard labels, where the grid has both."""
    usual = table[table["protocol"].isin(["hard", "soft"])]
    if set(usual["protocol"]) != {"hard", "soft"} or usual["student"].nunique() > 1:
        return
    figures.use_style()
    reference = published.published(dataset="imagenet-1k", protocol="rethinkdc")
    drawn = charts.labels_figure(usual, reference)
    source, size = store.safe_name(usual["dataset"].iloc[0]), usual["size"].iloc[0]
    path = figures.save_figure(drawn, f"benchmark-{source}-{size}px", usual)
    print(f"figure: {path}")
