"""`rdc speed --grid`: runs per hour of small real grids, one process against workers.

A study is a thousand small trainings, so what counts is how many are finished in an hour. Each grid
is timed in turn as one process with all threads, and as workers with an equal share of the cores.
Then one run is taken apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd

from ..data.loading import load
from ..data.saving import image_bytes
from ..ground import store
from ..ground.device import choose_runtime, device_name
from ..study.grid.arms import Arm
from ..study.grid.experiments import Experiment, plan_trials
from ..study.grid.setups import Setup
from ..study.grid.workers import cores, threads_of, workers_from
from ..train import protocols
from ..train.accuracy import predict
from ..train.evaluation import check_pair
from ..train.training import fit

T = TypeVar("T")


@dataclass(frozen=True)
class Case:
    """A small grid: random images, one student, hard or soft labels."""

    dataset: str
    size: int
    student: str
    ipc: int
    labels: str
    epochs: int

    def __str__(self) -> str:
        where = f"{self.dataset}, {self.size} px, {self.student}"
        return f"{where}, {self.ipc} per class, {self.labels} labels, {self.epochs} epochs"


_DIGITS = ("digits", 32, "convnet3-w32")
_CIFAR = ("cifar10", 32, "convnet3-w128")
CASES = [
    *(Case(*_DIGITS, ipc, labels, 150) for ipc in (1, 10) for labels in ("hard", "soft")),
    *(Case(*_CIFAR, ipc, "hard", 50) for ipc in (1, 10)),  # a teacher takes an hour on a CPU
    Case("imagenette", 64, "convnet4-w128", 10, "hard", 30),
]


def speed_grid(
    datasets: Sequence[str], *, runs: int = 8, workers: str | int = "auto", out: Path | None = None
) -> int:
    """Time every case of some datasets and print a line each, then what one run is made of.

    Args:
        datasets: of CASES.
        runs: of each case and way.
        workers: number of processes; "auto" is one per core.
        out: where the table goes, as csv.

    Raises:
        ValueError: no case on these datasets, or a wrong number.
    """
    count = workers_from(workers) or cores()
    cases = [case for case in CASES if case.dataset in datasets]
    if not cases or runs < count:
        known = ", ".join(dict.fromkeys(case.dataset for case in CASES))
        raise ValueError(f"speed --grid needs datasets of {known} and at least {count} runs")
    rows = []
    for case in cases:
        row = time_case(case, runs, count)
        rows.append(row)
        print(
            f"{case}: {row['runs_per_hour_alone']:,.0f} runs per hour alone, "
            f"{row['runs_per_hour_workers']:,.0f} with {count} workers, "
            f"ratio {row['ratio']:.2f}",
            flush=True,
        )
    table = pd.DataFrame(rows)
    if out:
        with store.atomic_path(out) as part:
            table.to_csv(part, index=False)
    print(f"\nseconds of one run, one thread\n{table[_PARTS].round(3).to_string(index=False)}")
    print(f"speed: {len(table)} grids on {table['device'].iloc[0]}")
    return 0


_PARTS = ["dataset", "ipc", "labels", "set", "hashing", "training", "test", "png"]


def time_case(case: Case, runs: int, workers: int) -> dict[str, object]:
    """One case timed both ways, and one of its runs taken apart.

    Seeds begin at the clock's seconds, so that nothing is fetched that was trained before; the
    teacher and the data are there before the clock starts. Starting the workers is counted.
    """
    pool, test = load(case.dataset, case.size)
    setup = Setup(pool, check_pair(pool, test), choose_runtime())
    protocol = protocols.named(case.labels).but(epochs=case.epochs)
    if case.labels == "soft":
        setup.teacher_of()
    seconds, first = {}, int(time.time())
    for name, count, start in (("alone", 1, first), ("workers", workers, 2 * first)):
        seeds = range(start, start + runs)
        trials = plan_trials(
            setup, [Arm("random")], case.ipc, [protocol], seeds, students=[case.student]
        )
        began = time.perf_counter()
        Experiment(setup, trials).measure(workers=count)
        seconds[name] = time.perf_counter() - began
    rates = {f"runs_per_hour_{name}": round(3600 * runs / s, 1) for name, s in seconds.items()}
    facts = {**vars(case), "runs": runs, "workers": workers, "cores": cores(), **rates}
    facts["ratio"] = round(seconds["alone"] / seconds["workers"], 3)
    facts |= take_apart(case, setup)
    facts |= {"device": device_name(setup.runtime.device), "precision": setup.runtime.precision}
    return facts | {"git": store.git_state()}


def take_apart(case: Case, setup: Setup) -> dict[str, float]:
    """Seconds of the parts of one run, with one thread, after one that is not counted."""
    with threads_of(1):
        _one_run(case, setup)
        return _one_run(case, setup)


def _one_run(case: Case, setup: Setup) -> dict[str, float]:
    protocol, parts = protocols.hard(epochs=case.epochs), dict[str, float]()
    stored = _timed(parts, "set", lambda: setup.make("random", case.ipc))
    _timed(parts, "hashing", stored.fingerprint)
    fitted = _timed(
        parts, "training", lambda: fit(stored, protocol, case.student, 0, setup.runtime)
    )
    _timed(parts, "test", lambda: predict(fitted.model, setup.test, setup.runtime))
    _timed(parts, "png", lambda: image_bytes(stored))
    return parts


def _timed(parts: dict[str, float], name: str, call: Callable[[], T]) -> T:
    """What `call` returns; its seconds become parts[name]."""
    began = time.perf_counter()
    value = call()
    parts[name] = round(time.perf_counter() - began, 4)
    return value
