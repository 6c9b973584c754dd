"""Experiments: sets judged under protocols, trial by trial, each kept on disk and never made twice.

This is the one way to a grid, for notebooks, the command line and the evidence alike: a `Setup`
(what all trials share), arms, protocols and seeds become an `Experiment`, whose `measure` gives the
tidy table.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ...data.checks import check_count
from ...data.imagesets import ImageSet
from ...ground import locks, store
from ...ground.progress import FETCHED, bar
from ...ground.seeds import as_seeds
from ...methods import method_named
from ...train import models, protocols
from ...train.protocol import Protocol
from . import monitor
from .arms import Arm
from .pace import threads_of
from .plan import Plan, plan
from .rows import COLUMNS, Extra, is_measured, row_of
from .setups import LAYERS, Seeds, Setup, Trial, check_layers
from .workers import helpers, split_of


@dataclass
class Experiment:
    """A grid of trials on one setup, and its table once it was measured.

    Attributes:
        setup: what the trials share.
        trials: in the order of the table.
        name: of its table.
        extra: measures more than accuracy of every trained network; see `rows.Extra`.

    Raises:
        ValueError: no trials; soft labels, where `extra` is for hard ones only; two protocols of
            one name, that no table could tell apart.
    """

    setup: Setup
    trials: list[Trial]
    name: str = "runs"
    extra: Extra | None = None

    def __post_init__(self) -> None:
        if not self.trials:
            raise ValueError("a grid needs at least one trial, got an empty list")
        _check_told_apart(self.trials)
        soft = {t.protocol.name for t in self.trials if t.protocol.labels != "hard"}
        if self.extra and self.extra.hard_only and soft:
            raise ValueError(
                f"protocol {', '.join(sorted(soft))} has a teacher's labels: this is measured of "
                "students of hard labels only, so that no teacher's strength stands in their place"
            )

    def sets(self) -> dict[str, ImageSet]:
        """Arm -> the first of its sets, of the largest ipc."""
        most = max(trial.ipc for trial in self.trials)
        first = {t.arm.key: t for t in reversed(self.trials) if t.ipc == most}
        return {key: self.setup.set_of(first[key]) for key in reversed(first)}

    def plan(self, workers: str | int = 1, against_pool: bool = True) -> Plan:
        """What measuring it will take; see `plan.plan`."""
        return plan(self.setup, self.trials, self.extra, workers, against_pool)

    def measure(
        self, tell: Callable[[int, float], None] | None = None, workers: str | int = 1
    ) -> pd.DataFrame:
        """Make or fetch every trial.

        Several processes may work on one grid: what another one is making is put off, and fetched
        when it is done.

        Args:
            tell: called after each trial with the number of those that are there, and the seconds
                that the others take if all are to be made.
            workers: processes that share the grid: a number, or "auto" for a timed probe. Each has
                an equal share of the cores.

        Returns:
            The tidy table, a row per trial in their order, columns rows.COLUMNS.

        Raises:
            ValueError: a wrong number of workers.
        """
        store.git_state()  # rows are of the code that begins, whatever is committed meanwhile
        left = [t for t in self.trials if not is_measured(t, self.setup, self.extra)]
        count, threads = split_of(workers, self.setup, left)
        beside = helpers(self.setup, left, self.extra, count - 1, threads)
        with threads_of(threads), beside:
            return self._measure(tell)

    def _measure(self, tell: Callable[[int, float], None] | None) -> pd.DataFrame:
        """The table, made by this process as far as no other one makes it."""
        rows: dict[int, dict[str, Any]] = {}
        left = deque(range(len(self.trials)))

        shown = bar(range(len(self.trials)), self.name, fetched=FETCHED)

        def first_free() -> tuple[int, dict[str, Any]]:
            """The first trial that no other process is making; else wait for the first."""
            for _ in range(len(left)):
                k = left.popleft()
                shown.note = f"{self.trials[k].arm.key}, seed {self.trials[k].seed}"
                report(len(rows), shown.note)
                try:
                    return k, row_of(self.trials[k], self.setup, self.extra, wait=False)
                except locks.Locked:
                    left.append(k)
            k = left.popleft()
            return k, row_of(self.trials[k], self.setup, self.extra)

        with monitor.reported(len(self.trials), self.name) as report:
            for _ in shown:
                k, row = first_free()
                rows[k] = row
                shown.left.tell(len(rows))
                if tell is not None:
                    tell(len(rows), shown.left.seconds or 0.0)
            report(len(rows), "")
        columns = COLUMNS + list(self.extra.columns if self.extra else ())
        return pd.DataFrame([rows[k] for k in range(len(self.trials))])[columns]


def plan_trials(
    setup: Setup,
    arms: Sequence[Arm],
    ipcs: int | Sequence[int],
    wanted: Sequence[Protocol] = (),
    seeds: int | Sequence[int] = 3,
    *,
    students: Sequence[str] = (),
    frozen: Collection[str] = (),
    trainings: int = 1,
) -> list[Trial]:
    """All trials of arms x ipcs x protocols x students x seeds, seed by seed.

    The seed of a replicate is the root of everything in it: scoring run, teacher, set and training.

    Args:
        setup: pool, test set and teacher.
        arms: the lines to compare.
        ipcs: stored images per class, one number or several.
        wanted: protocols; hard labels when empty.
        seeds: how many, or which.
        students: networks; the source's default when empty.
        frozen: of LAYERS; what all replicates share to save time, made from seed 0. The spread is
            then for that one scoring run, teacher or set. Sets drawn at random always vary.
        trainings: replicates in a row that share all layers but the training, such as 3 trainings
            on each of 2 sets with seeds=6.

    Raises:
        ValueError: no arms, ipcs or seeds, an unknown network or layer, or no trainings.
    """
    networks = students or [setup.pool.student]
    for network in networks:
        models.check_fits(network, setup.pool.size, setup.pool.num_classes)
    return trials_of(arms, ipcs, wanted, seeds, networks, frozen, trainings)


def trials_of(
    arms: Sequence[Arm],
    ipcs: int | Sequence[int],
    wanted: Sequence[Protocol],
    seeds: int | Sequence[int],
    students: Sequence[str],
    frozen: Collection[str] = (),
    trainings: int = 1,
) -> list[Trial]:
    """`plan_trials` without data: every network is named."""
    sizes = [ipcs] if isinstance(ipcs, int) else ipcs
    for name, given in {"arms": arms, "ipcs": sizes, "students": students}.items():
        if len(given) == 0:
            raise ValueError(f"{name} must name at least one, got an empty list")
    for network in students:
        models.check_network(network)
    for arm in arms:
        for name in arm.options.keys() & {"scoring_seed", "teacher_seed"}:
            layer = name.removesuffix("_seed")
            raise ValueError(
                f"arm {arm.key!r}: each replicate has a {name} of its own, freeze the {layer}"
            )
    check_layers(frozen)
    check_count("trainings", trainings)
    named = wanted or [protocols.hard()]
    how = [(arm, [protocol.but(**arm.protocol) for protocol in named]) for arm in arms]
    return [
        Trial(arm, ipc, protocol, network, seed, _seeds(arm, seed, seed // trainings, frozen))
        for seed in as_seeds(seeds)
        for ipc in sizes
        for arm, seen in how
        for protocol in seen
        for network in students
    ]


def _check_told_apart(trials: Sequence[Trial]) -> None:
    """Refuse two protocols of one name: a table's rows would pass for replicates of one."""
    known: dict[tuple[object, ...], Protocol] = {}
    for trial in trials:
        key = (trial.arm.key, trial.ipc, trial.protocol.name, trial.student, trial.seed)
        first, second = known.setdefault(key, trial.protocol).as_dict(), trial.protocol.as_dict()
        if first != second:
            name = next(field for field in first if first[field] != second[field])
            raise ValueError(
                f"two protocols of {trial.arm.key} are called {trial.protocol.name!r}, with {name} "
                f"{first[name]} and {second[name]}: give one a name of its own, .but(name=...)"
            )


def _seeds(arm: Arm, training: int, above: int, frozen: Collection[str]) -> Seeds:
    """The seeds of a replicate: `above` for every layer above the training that is not frozen."""
    scoring, teacher, made = (0 if layer in frozen else above for layer in LAYERS)
    settings = method_named(arm.method).fixed | arm.options
    drawn = arm.method == "noise" or settings.get("order") == "random"
    return Seeds(scoring, teacher, above if drawn else made, training)
