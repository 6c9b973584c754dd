"""`rdc speed --grid`: runs per hour of small real grids, as before version 0.3 and as now.

A study is a thousand small trainings, so what counts is how many are finished in an hour. Each grid
is timed in turn in both ways, and one run of each is taken apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import torch

from ..data.imagesets import ImageSet
from ..data.loading import load
from ..data.saving import image_bytes
from ..ground import files, store
from ..ground.device import choose_runtime, device_name
from ..ground.limits import cores
from ..ground.names import check_known
from ..ground.seeds import generator
from ..study.figures import base, saving
from ..study.figures.speed import PARTS, parts_figure
from ..study.grid.arms import Arm
from ..study.grid.experiments import Experiment, plan_trials
from ..study.grid.pace import threads_of
from ..study.grid.setups import Setup
from ..study.grid.workers import split_of, workers_from
from ..train import models, protocols
from ..train.accuracy import predict
from ..train.arithmetic import quickest
from ..train.evaluation import check_pair
from ..train.labels import loss_of
from ..train.lessons import view_for
from ..train.protocol import batch_size
from ..train.training import fit, make_optimiser
from .speed_before import in_the_old_way

T = TypeVar("T")
_WARM = 6  # steps before the clock counts; then the heap gives the blocks of the step before


@dataclass(frozen=True)
class Case:
    """A small grid: random images, one student, hard or soft labels; `runs` take about a minute."""

    dataset: str
    size: int
    student: str
    ipc: int
    labels: str
    epochs: int
    runs: int

    def __str__(self) -> str:
        where = f"{self.dataset}, {self.size} px, {self.student}"
        return f"{where}, {self.ipc} per class, {self.labels} labels, {self.epochs} epochs"


_DIGITS = ("digits", 32, "convnet3-w32")
_CIFAR = ("cifar10", 32, "convnet3-w128")
CASES = [
    *(Case(*_DIGITS, 1, labels, 150, 60) for labels in ("hard", "soft")),
    *(Case(*_DIGITS, 10, labels, 150, 16) for labels in ("hard", "soft")),
    *(Case(*_CIFAR, ipc, "hard", 50, 12) for ipc in (1, 10)),  # a teacher takes an hour on a CPU
    Case("imagenette", 64, "convnet4-w128", 10, "hard", 20, 8),
]


def speed_grid(
    datasets: Sequence[str], *, runs: int = 0, workers: str | int = "auto", out: Path | None = None
) -> None:
    """Time every case of some datasets in both ways; print a line each, then a run's parts.

    Args:
        datasets: of CASES.
        runs: of each case and way; the case's own number when 0.
        workers: number of processes of the way now; "auto" as everywhere.
        out: where the table goes, as csv, and beside it a picture of the parts.

    Raises:
        ValueError: no case on one of the datasets, or a wrong number.
    """
    workers_from(workers)
    known = list(dict.fromkeys(case.dataset for case in CASES))
    for name in datasets:
        check_known("dataset of speed --grid", name, known)
    if runs < 0:
        raise ValueError(f"speed --grid needs at least one run of each, got {runs}")
    cases = [case for case in CASES if case.dataset in datasets]
    rows = []
    for case in cases:
        before, now = time_case(case, runs or case.runs, workers)
        rows += [before, now]
        print(
            f"{case}: {before['runs_per_hour']:,.0f} runs per hour before, "
            f"{now['runs_per_hour']:,.0f} now ({now['split']}), ratio {now['ratio']:.2f}; "
            f"planned {now['planned']:.0f} s, took {now['took']:.0f} s",
            flush=True,
        )
    table = pd.DataFrame(rows)
    shown = ["dataset", "ipc", "labels", "way", *PARTS]
    print(f"\nseconds of one run, one thread\n{table[shown].round(2).to_string(index=False)}")
    if out:
        files.write_csv(out, table)
        base.use_style()
        saving.save_figure(parts_figure(table), out.stem, table, folder=out.parent)
    print(f"speed: {len(cases)} grids on {table['device'].iloc[0]}")


def time_case(case: Case, runs: int, workers: str | int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A row for each way: before and now.

    Seeds begin at the clock's seconds, so that nothing is fetched that was trained before; the
    teacher, the data and the probes are there before the clock starts. Starting the workers is
    counted.
    """
    setup = _setup(case)
    if case.labels == "soft":
        setup.teacher_of()
    first = int(time.time())
    experiment(case, setup, range(2 * first, 2 * first + runs)).plan(workers)
    before = in_the_old_way(_in_this_way, case, range(first, first + runs), 1)
    now = _in_this_way(case, range(2 * first, 2 * first + runs), workers)
    facts: dict[str, Any] = {
        "device": device_name(setup.runtime.device),
        "precision": setup.runtime.precision,
    }
    facts |= {"cores": cores(), "git": store.git_state()}
    ratio = {"ratio": round(before["took"] / now["took"], 3)}
    ways = {"way": "before"} | before, {"way": "now"} | now | ratio
    what = vars(case) | {"runs": runs} | facts
    return what | ways[0], what | ways[1]


def _setup(case: Case) -> Setup:
    pool, test = load(case.dataset, case.size)
    runtime = quickest(choose_runtime(), case.student, case.size)
    return Setup(pool, check_pair(pool, test), runtime)


def experiment(case: Case, setup: Setup, seeds: Sequence[int]) -> Experiment:
    """The grid of a case: random images, a training per seed, all with one teacher."""
    protocol, shared = protocols.named(case.labels).but(epochs=case.epochs), ["teacher"]
    how = ([Arm("random")], case.ipc, [protocol], seeds)
    return Experiment(setup, plan_trials(setup, *how, students=[case.student], frozen=shared))


def _in_this_way(case: Case, seeds: Sequence[int], workers: str | int) -> dict[str, Any]:
    """The grid of a case and one run of it taken apart, both as this process works."""
    return _timed_grid(case, seeds, workers) | take_apart(case)


def _timed_grid(case: Case, seeds: Sequence[int], workers: str | int) -> dict[str, Any]:
    """Runs per hour of a case's grid, how it was divided, and what was planned and taken."""
    grid = experiment(case, _setup(case), seeds)
    planned = grid.plan(workers)
    began = time.perf_counter()
    grid.measure(workers=workers)
    took = time.perf_counter() - began
    return {
        "split": str(split_of(workers, grid.setup, grid.trials)),
        "runs_per_hour": round(3600 * len(seeds) / took, 1),
        "planned": round(planned.seconds, 2),
        "took": round(took, 2),
    }


def take_apart(case: Case) -> dict[str, float]:
    """Seconds of the parts of one run with hard labels, one thread, after one not counted."""
    setup = _setup(case)
    with threads_of(1):
        _one_run(case, setup)
        return _one_run(case, setup)


def _one_run(case: Case, setup: Setup) -> dict[str, float]:
    protocol, seconds = protocols.hard(epochs=case.epochs), dict[str, float]()
    stored = _timed(seconds, "set", lambda: setup.make("random", case.ipc))
    fitted = _timed(
        seconds, "training", lambda: fit(stored, protocol, case.student, 0, setup.runtime)
    )
    _timed(seconds, "test", lambda: predict(fitted.model, setup.test, setup.runtime))
    _timed(seconds, "hash and png", lambda: (stored.fingerprint(), image_bytes(stored)))
    steps = _step_parts(stored, case, setup)
    inside = {name: fitted.steps * value for name, value in steps.items()}
    rest = max(0.0, seconds.pop("training") - sum(inside.values()))
    parts = seconds | inside | {"between": rest}
    return {name: round(parts[name], 4) for name in PARTS}


def _step_parts(stored: ImageSet, case: Case, setup: Setup) -> dict[str, float]:
    """Mean seconds of the parts of a training step, over some steps of one batch."""
    runtime, protocol = setup.runtime, protocols.hard()
    batch = stored[
        torch.arange(batch_size(protocol, len(stored), stored.num_classes)) % len(stored)
    ]
    images, labels = batch.images.to(runtime.device), batch.labels.to(runtime.device)
    model = runtime.placed(models.build(case.student, stored.num_classes, stored.size)).train()
    optimiser, view = make_optimiser(model, protocol), view_for(batch, protocol)
    draws, totals, count = generator(0, "views", device=runtime.device), dict[str, float](), 24

    def forward(inputs: torch.Tensor) -> torch.Tensor:
        with runtime.autocast():
            logits = model(inputs.contiguous(memory_format=runtime.memory_format))
        return loss_of(protocol, logits.float(), labels, labels, None)

    for step in range(count + _WARM):
        seconds: dict[str, float] = {}
        inputs, _ = _timed(seconds, "views", lambda: view(images, labels, draws))
        loss = _timed(seconds, "forward", partial(forward, inputs))
        optimiser.zero_grad(set_to_none=True)
        _timed(seconds, "backward", loss.backward)
        _timed(seconds, "optimiser", optimiser.step)
        del inputs, loss  # as in the loop, where the next step uses their memory
        if step >= _WARM:
            totals = {name: totals.get(name, 0.0) + value for name, value in seconds.items()}
    return {name: total / count for name, total in totals.items()}


def _timed(seconds: dict[str, float], name: str, call: Callable[[], T]) -> T:
    """What `call` returns; seconds[name] is what it took, on a GPU until it is really done."""
    began = time.perf_counter()
    value = call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    seconds[name] = time.perf_counter() - began
    return value
