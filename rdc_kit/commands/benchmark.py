"""The verb benchmark: plan a grid of methods, measure it, and print a summary."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from ..compression import check_room
from ..data.checks import check_count
from ..data.holdout import load_with_test
from ..data.imagesets import DataError, ImageSet
from ..ground import files, places, store
from ..ground.device import choose_runtime
from ..ground.folders import runs_dir
from ..ground.progress import human_time, interactive
from ..ground.seeds import as_seeds
from ..methods import METHODS, method_named
from ..study.figures import base, methods, saving
from ..study.grid.arms import Arm, arm_asked, method_arms
from ..study.grid.experiments import Experiment, plan_trials
from ..study.grid.plan import Plan, ensemble_of
from ..study.grid.rows import is_measured
from ..study.grid.setups import Setup, Trial, check_layers
from ..study.grid.workers import workers_from
from ..study.verdicts.metrics import corrected, differences_to_random, ranking
from ..study.verdicts.published import published
from ..study.verdicts.stats import accuracy_table
from ..train import models, protocols
from ..train.arithmetic import quickest
from ..train.evaluation import check_pair
from ..train.protocol import Protocol


def chosen_protocols(
    labels: Sequence[str], names: Sequence[str] = (), epochs: int | None = None
) -> list[Protocol]:
    """The protocols of a grid: "hard" or "soft" for each kind of labels, and others by name.

    Raises:
        ValueError: unknown labels or protocol.
    """
    for kind in labels:
        if kind not in ("hard", "soft"):
            raise ValueError(f"labels must be hard or soft, got {kind!r}")
    choices = [protocols.named(name) for name in dict.fromkeys([*labels, *names])]
    return [p.but(epochs=epochs) for p in choices] if epochs is not None else choices


def benchmark(
    dataset: str,
    names: Sequence[str],
    ipcs: Sequence[int],
    wanted: Sequence[Protocol],
    *,
    students: Sequence[str] = (),
    seeds: int | Sequence[int] = 3,
    size: int | None = None,
    frozen: Sequence[str] = (),
    teacher: str | None = None,
    teacher_epochs: int = Setup.teacher_epochs,
    iterations: int | None = None,
    device: str = "auto",
    on_bad: str = "error",
    workers: str | int = "auto",
    plan_only: bool = False,
    out: Path | None = None,
) -> None:
    """Plan a grid of methods, measure it, print and keep its table; see `plan_trials`.

    Args:
        dataset, size, on_bad: see `load_with_test`; device: see `choose_runtime`; workers: see
            `Experiment.measure`.
        names: methods or arms, such as "pca grid=3 view=whole", or "all" methods; Random is
            always added. What is named twice, here or in `ipcs` or `students`, is planned once.
        ipcs: stored images per class. wanted: from `chosen_protocols`.
        students, seeds, frozen: see `plan_trials`; teacher, teacher_epochs: see `Setup`.
        iterations: of every recovered image; the method's own number when left out.
        plan_only: only print the plan.
        out: path of the table; under data/runs/benchmark when left out.
    """
    workers_from(workers)
    arms, ipcs, students = _arms(names), [*dict.fromkeys(ipcs)], [*dict.fromkeys(students)]
    _check_numbers(seeds, ipcs, teacher_epochs, iterations)
    _check_names(teacher, frozen, out)
    runtime = choose_runtime(device)
    pool, test = load_with_test(dataset, size, on_bad)
    _check_pool(pool, arms, ipcs, students)
    options: dict[str, Any] = {"iterations": iterations} if iterations else {}
    setup = Setup(pool, check_pair(pool, test), runtime, teacher, teacher_epochs, options=options)
    trials = plan_trials(setup, arms, ipcs, wanted, seeds, students=students, frozen=frozen)
    _check_needed(trials, teacher, teacher_epochs, iterations, frozen)
    print(_probes(setup, trials), flush=True)
    fast = quickest(runtime, pool.student, pool.size)  # only now: it trains a little
    setup = replace(setup, runtime=fast, probed=True)
    experiment = Experiment(setup, trials)
    print(_heading(experiment, dataset), flush=True)
    print(planned := experiment.plan(workers), flush=True)
    if plan_only:
        return
    table = _measured(experiment, planned, workers)
    out = out or runs_dir("benchmark") / _name(dataset, experiment) / "runs.csv"
    _keep(table, out)
    _draw(table, out)
    _rank(table, setup, out)
    print(f"benchmark: {len(table)} run{'s' * (len(table) != 1)} in {out}")


def _arms(names: Sequence[str]) -> list[Arm]:
    """The arms that are asked for, Random first; every name must be known, beside "all" too."""
    for name in names:
        if "=" in name.partition(" ")[0]:
            raise ValueError(f"{name!r} is no method: write 'METHOD {name}', in quotes")
    asked = [arm_asked(name) for name in names if name != "all"]
    arms = [*method_arms(METHODS if "all" in names else []), *asked]
    return list({arm.key: arm for arm in arms}.values())


def _probes(setup: Setup, trials: Sequence[Trial]) -> str:
    """What is trained for the plan itself, in a line: a minute or more where all is new."""
    count = ensemble_of(trials, trials, setup.pool.size)
    asked = {setup.pool.student, *(t.student for t in trials)}
    asked |= set(setup.networks(count) if count else ())
    told = len({name for name in asked if not name.startswith(models.PUBLISHED)})
    networks = f"{told} network{'s' * (told > 1)}"
    return f"planning by short timed probes of {networks}, made once and kept for this machine"


def _heading(experiment: Experiment, dataset: str) -> str:
    """What a grid is made of, in a line."""
    trials, setup = experiment.trials, experiment.setup
    ipcs = ", ".join(map(str, dict.fromkeys(trial.ipc for trial in trials)))
    named = ", ".join(dict.fromkeys(trial.protocol.name for trial in trials))
    count = len({trial.arm.key for trial in trials})
    what = "method" if count == len({trial.arm.method for trial in trials}) else "arm"
    seeds = len({trial.seed for trial in trials})
    what += "s" * (count != 1)
    grid = f"{count} {what} x ipc {ipcs} x {named} x {seeds} seed{'s' * (seeds > 1)}"
    return f"benchmark: {dataset} at {setup.pool.size} px, {grid}; {setup.runtime}"


def _check_numbers(
    seeds: int | Sequence[int],
    ipcs: Sequence[int],
    teacher_epochs: int,
    iterations: int | None,
) -> None:
    as_seeds(seeds)
    check_count("ipc", min(ipcs, default=0))
    check_count("teacher epochs", teacher_epochs)
    if iterations is not None:
        check_count("iterations", iterations)


def _check_names(teacher: str | None, frozen: Sequence[str], out: Path | None) -> None:
    if out is not None:
        places.check_table(out, "dataset,size,profile,")
    if teacher:
        models.with_batch_norm(teacher)
    check_layers(frozen)


def _check_pool(
    pool: ImageSet, arms: Sequence[Arm], ipcs: Sequence[int], students: Sequence[str]
) -> None:
    for arm in arms:
        check_room(arm.method, pool, max(ipcs), arm.options)
    for network in students:
        models.check_fits(network, pool.size, pool.num_classes)


def _check_needed(
    trials: Sequence[Trial],
    teacher: str | None,
    teacher_epochs: int,
    iterations: int | None,
    frozen: Sequence[str],
) -> None:
    """Refuse options that no trial would take notice of."""
    taken = {name for trial in trials for name in method_named(trial.arm.method).options}
    asked, layers = dict[str, str](), dict[str, str]()  # option -> what would need it
    if not any(trial.taught for trial in trials):
        asked = {f"--teacher {teacher}": "soft labels"} if teacher else {}
        if teacher_epochs != Setup.teacher_epochs:
            asked[f"--teacher-epochs {teacher_epochs}"] = "soft labels"
        layers["teacher"] = "soft labels"
    if "scoring_seed" not in taken:
        layers["scoring"] = "a method that scores"
    if iterations is not None and "iterations" not in taken:
        asked[f"--iterations {iterations}"] = "a method that recovers images"
    asked |= {f"--frozen {name}": layers[name] for name in frozen if name in layers}
    if asked:
        option, remedy = next(iter(asked.items()))
        raise ValueError(f"no run needs {option}: leave it out, or add {remedy}")


def _measured(experiment: Experiment, planned: Plan, workers: str | int) -> pd.DataFrame:
    """The table, made with lines that say how far it is and what the plan was worth."""
    began = time.monotonic()
    _announce_teacher(experiment)
    table = experiment.measure(None if interactive() else _Log(planned.runs), workers)
    if planned.done < planned.runs:
        print(planned.and_took(time.monotonic() - began))
    return table


def _announce_teacher(experiment: Experiment) -> None:
    """Train or load the teacher first, where a run that is left needs one; print how good it is."""
    setup, asked = experiment.setup, (trial for trial in experiment.trials if trial.taught)
    taught = next((trial for trial in asked if not is_measured(trial, setup)), None)
    if taught is not None:
        print(setup.teacher_of(seed=taught.seeds.teacher), flush=True)


def _keep(table: pd.DataFrame, out: Path) -> None:
    """Write the rows and their differences to Random, a file each; print a summary."""
    files.write_csv(out, table)  # first: a summary may fail
    table = table.assign(method=table["arm"])  # by their keys: "pca metric=aum" is no plain PCA
    found = corrected(differences_to_random(table))
    files.write_csv(_beside(out, "-differences"), found)
    with pd.option_context("display.width", 200, "display.max_columns", 50):
        told = [base.caption(table), base.tests_note(table), base.seeds_note(table, "")]
        print(f"\n{'; '.join(filter(None, told))}\ntop-1 %, mean ± sd")
        print(accuracy_table(table))
        if len(found):
            print(
                "\ndifferences to Random, paired by seed; intervals are 95 % of each alone, p and "
                "reading by Holm's correction over the methods of one ipc, protocol and network"
            )
            print(found.drop(columns="b").round(3).to_string(index=False))


def _beside(out: Path, ending: str) -> Path:
    return out.with_name(f"{out.stem}{ending}.csv")


def _rank(table: pd.DataFrame, setup: Setup, out: Path) -> None:
    """Write and print DD-Ranking's scores; last, for they need a training on the whole pool."""
    usual = _hard_and_soft(table.assign(method=table["arm"]))
    if usual is None:
        print(f"\n{_NO_RANKING}")
        return
    network = usual["student"].iloc[0]
    print(
        f"\nfor the ranking: {network} on the whole pool, {setup.teacher_epochs} epochs, trained "
        "once and kept",
        flush=True,
    )
    try:
        full = setup.whole_pool(network)
    except DataError as error:
        print(f"no ranking: {error}")
        return
    found = ranking(usual, full).assign(full=full).round(4)
    files.write_csv(_beside(out, "-ranking"), found)
    print(f"against the whole pool ({full:.1f} %) and random; {_RANKING}")
    with pd.option_context("display.width", 200, "display.max_columns", 50):
        print(found.round(2).to_string(index=False))


_RANKING = (
    "lrs in 0..1, else points\nhlr: what hard labels lack of the whole pool; ior: what is gained "
    "over random, trained alike; lrs: gained with soft labels, less hlr, squeezed into 0..1"
)
_NO_RANKING = (
    "no figure of soft against hard labels and no ranking (hlr, ior, lrs): they need the protocols "
    "hard and soft, and one network"
)


class _Log:
    """Prints a line every minute, where no progress bar is shown."""

    def __init__(self, total: int) -> None:
        self.total, self.printed = total, time.monotonic()

    def __call__(self, done: int, left: float) -> None:
        now = time.monotonic()
        if now - self.printed > 60:
            print(f"{done} of {self.total} runs, about {human_time(left)} left", flush=True)
            self.printed = now


def _name(dataset: str, experiment: Experiment) -> str:
    setup = experiment.setup
    taught = (setup.teacher, setup.teacher_epochs)
    how = [setup.keys, setup.options, *taught, setup.runtime.precision]
    key = store.config_hash([repr(experiment.trials), *how])
    return f"{files.safe_name(dataset)}-{key[:8]}"


def _hard_and_soft(table: pd.DataFrame) -> pd.DataFrame | None:
    """The rows of the protocols hard and soft, where there are both, of one network."""
    usual = table[table["protocol"].isin(["hard", "soft"])]
    both = set(usual["protocol"]) == {"hard", "soft"}
    return usual if both and usual["student"].nunique() == 1 else None


def _draw(table: pd.DataFrame, out: Path) -> None:
    """Save the figure of soft against hard labels beside the rows, where the grid has both."""
    usual = _hard_and_soft(table)
    if usual is None:
        return
    reference = published(dataset="imagenet-1k", protocol="rethinkdc")
    with base.styled():
        figure = methods.labels_figure(usual.assign(method=usual["arm"]), reference)
        path = saving.save_figure(figure, f"{out.stem}-labels", usual, folder=out.parent)
    print(f"figure: {path}")
