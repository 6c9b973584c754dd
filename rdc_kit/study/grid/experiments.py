"""Experiments: sets judged under protocols, run by run, each run kept and never made twice."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from ...data.imagesets import DataError, ImageSet
from ...ground import store
from ...ground.progress import bar
from ...ground.runtime import Runtime, choose_runtime, data_dir
from ...methods import compress, find
from ...train import models, protocols
from ...train.evaluation import check_pair
from ...train.protocols import Protocol
from ...train.teachers import key_of, squeeze
from . import monitor
from .arms import Arm
from .rows import COLUMNS, Asked, run_config, train_dir, train_once


@dataclass(frozen=True)
class Cell:
    """One run of a grid, before it is made.

    Attributes:
        arm, ipc, protocol, student: what is run.
        seed: root of the training's randomness; set_seed: of the set's.
    """

    arm: Arm
    ipc: int
    protocol: Protocol
    student: str
    seed: int
    set_seed: int


@dataclass
class Bench:
    """What every run of a grid shares.

    Attributes:
        pool, test: from `load`.
        runtime: device and precision.
        teacher: network that answers under soft labels, and that the distillation methods use; the
            source's student with batch norm when left out.
        teacher_epochs: of its training.
        options: passed to every method that knows them, such as epochs=2 for the scoring run or
            iterations=100 for the recovered sets.
    """

    pool: ImageSet
    test: ImageSet
    runtime: Runtime
    teacher: str | None = None
    teacher_epochs: int = 30
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.test = check_pair(self.pool, self.test)
        self._sets: dict[str, ImageSet] = {}  # the last one only
        self._asked: dict[int, Asked] = {}
        self._teacher_keys: dict[int, str] = {}

    @cached_property
    def keys(self) -> tuple[str, str]:
        """Fingerprints of pool and test set, read once."""
        return self.pool.fingerprint(), self.test.fingerprint()

    def settings(self, arm: Arm) -> dict[str, Any]:
        """The options of an arm's method: its own, and those of the bench that it knows."""
        shared = {**self.options, "teacher": self.teacher, "teacher_epochs": self.teacher_epochs}
        known = find(arm.method).options
        return {k: v for k, v in shared.items() if k in known} | arm.options

    def recipe(self, cell: Cell) -> str:
        """Name of a cell's set, known before the set is made."""
        made = [cell.arm.method, cell.ipc, cell.set_seed, self.settings(cell.arm)]
        return store.config_hash([*made, self.keys[0], self.runtime.precision])

    def make_set(self, cell: Cell) -> ImageSet:
        """The cell's set; the last one is remembered, its fingerprint is noted for plans."""
        name = self.recipe(cell)
        if name not in self._sets:
            settings = self.settings(cell.arm)
            method, ipc, seed = cell.arm.method, cell.ipc, cell.set_seed
            made = compress(method, self.pool, ipc, seed, self.runtime, **settings)
            self._sets = {name: made}
            store.write_json(_note(name), made.fingerprint())
        return self._sets[name]

    def networks(self, count: int = 1) -> tuple[str, ...]:
        """Names of the teacher and, for an ensemble, of its relatives."""
        own = models.with_batch_norm(self.teacher or self.pool.traits.student)
        return ((own,) if count == 1 else models.relatives(own))[:count]

    def asked(self, count: int = 1) -> Asked:
        """The teacher of soft labels, trained or fetched, its accuracy on the test set known.

        Raises:
            DataError: it is not far enough above chance, on the pool or on the test set.
        """
        if count not in self._asked:
            names = self.networks(count)
            teacher = squeeze(self.pool, names, self.teacher_epochs, runtime=self.runtime)
            top1 = teacher.accuracy_on(self.test, self.runtime)
            if top1 < 200 / self.pool.num_classes:
                raise DataError(
                    f"the teacher gets {teacher.top1:.1f} % of the pool but {top1:.1f} % of the "
                    "test set: are the test set's classes in the same order?"
                )
            self._asked[count] = Asked(teacher, top1)
        return self._asked[count]

    def full(self, student: str) -> float:
        """Top-1 of a network trained on the whole pool with hard labels, percent.

        torchvision's published weights, where they are the teacher's and of this network.
        """
        if self.teacher == models.PUBLISHED + student:
            return self.asked().top1
        trained = squeeze(self.pool, student, self.teacher_epochs, runtime=self.runtime)
        return trained.accuracy_on(self.test, self.runtime)

    def teacher_key(self, count: int = 1) -> str:
        """Key of the teacher, trained or not."""
        if count not in self._teacher_keys:
            keys = [
                key_of(self.pool, name, self.teacher_epochs, 0, self.runtime)
                for name in self.networks(count)
            ]
            self._teacher_keys[count] = " ".join(keys)
        return self._teacher_keys[count]

    def made(self, cell: Cell) -> bool:
        """Whether the set of a cell was made before."""
        return _note(self.recipe(cell)).is_file()

    def done(self, cell: Cell) -> bool:
        """Whether the run of a cell is in the store; trains nothing to find out."""
        note = store.read_json(_note(self.recipe(cell)))
        if note is None:
            return False
        key = "" if cell.protocol.labels == "hard" else self.teacher_key(cell.protocol.teachers)
        config = run_config(
            note, self.keys[1], cell.protocol, cell.student, cell.seed, self.runtime, key
        )
        return (train_dir() / store.config_hash(config) / "result.json").is_file()

    def run(self, cell: Cell) -> dict[str, Any]:
        """The cell's row, made or fetched."""
        asked = None
        if cell.protocol.labels != "hard":
            asked = self.asked(cell.protocol.teachers)
        stored = self.make_set(cell)
        row = train_once(
            stored,
            self.test,
            cell.protocol,
            cell.student,
            cell.seed,
            self.runtime,
            asked,
            self.keys[1],
        )
        each = " ".join(f"{value:.2f}" for value in row["per_class"])
        return {"arm": cell.arm.name} | row | {"per_class": each}


def _note(recipe: str) -> Path:
    return data_dir() / "runs" / "recipes" / f"{recipe}.json"


def grid(
    bench: Bench,
    methods: Sequence[str],
    ipcs: Sequence[int],
    recipes: Sequence[Protocol],
    seeds: int | Sequence[int] = 3,
    students: Sequence[str] = (),
    one_set: bool = False,
) -> list[Cell]:
    """All runs of methods x ipcs x protocols x students x seeds, seed by seed.

    Args:
        bench: pool, test set and teacher.
        methods: keys of the registry; "random" is added where it is missing.
        ipcs: stored images per class.
        recipes: protocols.
        seeds: how many, or which.
        students: networks; the source's default when empty.
        one_set: every seed trains on the set of seed 0, so the spread is of training alone: for
            sets that are dear to make. Otherwise a seed is the root of set and training.

    Raises:
        ValueError: an unknown method or network.
    """
    names = list(dict.fromkeys(["random", *methods]))
    for name in names:
        find(name)
    numbers = range(seeds) if isinstance(seeds, int) else seeds
    networks = list(students) or [bench.pool.traits.student]
    for network in networks:
        models.check_name(network)
    return [
        Cell(Arm(name, name), ipc, recipe, network, seed, 0 if one_set else seed)
        for seed in numbers
        for ipc in ipcs
        for name in names
        for recipe in recipes
        for network in networks
    ]


def run_cells(
    cells: Sequence[Cell], bench: Bench, tell: Callable[[int], None] | None = None
) -> pd.DataFrame:
    """Make or fetch every run.

    Several processes may work on one grid: what another one is at is put off, and fetched when it
    is done.

    Args:
        cells: from `grid`.
        bench: what they share.
        tell: called after each run with the number of runs that are there.

    Returns:
        The tidy table, one row per cell and in their order, columns COLUMNS; top1, top5 and
        per_class (one number per class, separated by spaces) in percent.
    """
    rows: dict[int, dict[str, Any]] = {}
    left = deque(range(len(cells)))
    with monitor.reported(len(cells)) as report:
        for _ in bar(range(len(cells)), "runs"):
            k, row = _first_free(cells, bench, left, report)
            rows[k] = row
            if tell is not None:
                tell(len(rows))
        report(len(rows), "")
    return pd.DataFrame([rows[k] for k in range(len(cells))])[COLUMNS]


def _first_free(
    cells: Sequence[Cell], bench: Bench, left: deque[int], report: Callable[[int, str], None]
) -> tuple[int, dict[str, Any]]:
    """The first run that no other process is at; where all that is left is, wait for the first."""
    for _ in range(len(left)):
        report(len(cells) - len(left), cells[left[0]].arm.name)
        k = left.popleft()
        try:
            with store.impatient():
                return k, bench.run(cells[k])
        except store.Locked:
            left.append(k)
    k = left.popleft()
    return k, bench.run(cells[k])


def compare(
    arms: Sequence[Arm],
    pool: ImageSet,
    test: ImageSet | None,
    ipc: int | Sequence[int],
    seeds: int | Sequence[int] = 3,
    protocol: Protocol | None = None,
    student: str | None = None,
    runtime: Runtime | None = None,
    **method_options: Any,
) -> pd.DataFrame:
    """Make each arm's set and train on it, once per seed.

    A seed is the root of both the set's randomness and the training's. Difficulty scores come from
    one scoring run, so the spread covers training and the drawing of random sets, not scoring.

    Args:
        arms: the lines to compare.
        pool, test: from `load`.
        ipc: stored images per class, one number or several.
        seeds: how many, or which.
        protocol: the recipe; hard labels when left out.
        student, runtime: as in `fit`.
        method_options: see `Bench.options`.

    Returns:
        The tidy table, see `run_cells`.
    """
    bench = Bench(pool, check_pair(pool, test), runtime or choose_runtime(), options=method_options)
    return run_cells(arm_cells(arms, bench, ipc, seeds, protocol, student), bench)


def arm_cells(
    arms: Sequence[Arm],
    bench: Bench,
    ipc: int | Sequence[int],
    seeds: int | Sequence[int] = 3,
    protocol: Protocol | None = None,
    student: str | None = None,
) -> list[Cell]:
    """The runs of a comparison of arms, seed by seed; see `compare`."""
    protocol, student = protocol or protocols.hard(), student or bench.pool.traits.student
    numbers = range(seeds) if isinstance(seeds, int) else seeds
    return [
        Cell(arm, each, protocol.but(view=arm.view, **arm.recipe), student, seed, seed)
        for seed in numbers
        for each in ([ipc] if isinstance(ipc, int) else ipc)
        for arm in arms
    ]
