"""The campaign: what is measured for the verdicts, line by line of a plan (see `planfile`).

A line is a grid of one dataset with the effects that it is made for. Rows are kept in a csv per
setting, with the hash of everything that was tried; they travel between machines by git.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from ...data.holdout import load_with_test
from ...ground import store
from ...ground.device import choose_runtime
from ...ground.folders import checkout, evidence_dir, runs_dir
from ...train import protocols
from ...train.evaluation import check_pair
from .arms import arm_asked
from .experiments import trials_of
from .rowfiles import IDENTITY, OF_SETTING, append_new, identity_of, read_rows
from .rows import taught_by
from .setups import Setup, Trial

MEASURES = ("accuracy", "entropy")
# What says of which trial a row is.
_OF_A_TRIAL = (
    *IDENTITY,
    *OF_SETTING,
    *("scoring_seed", "teacher_seed", "teacher", "data_hash", "run_hash"),
)


@dataclass(frozen=True)
class Setting:
    """What lines of one dataset share: everything that is not varied.

    Attributes:
        name: of the file of rows, campaign-NAME.csv.
        dataset, size, student: what is trained; the student scores the pool too.
        precision: "bf16" or "fp32"; on every machine the same, so that rows can be joined.
        teacher, teacher_epochs: see `Setup`.
        on_bad: what to do about corrupt images, see `load`.
        note: what must be said beside the numbers.
    """

    name: str
    dataset: str
    size: int
    student: str
    precision: str = "bf16"
    teacher: str = ""
    teacher_epochs: int = 30
    on_bad: str = "error"
    note: str = ""

    @property
    def scorer(self) -> str:
        """As the column of its rows says it."""
        return self.student

    @property
    def taught_by(self) -> str:
        """As the column of its rows says it."""
        return taught_by(self.teacher or self.student, self.teacher_epochs)

    @cached_property
    def setup(self) -> Setup:
        """The pool, the test set (held out where there is none) and the rest, loaded."""
        pool, test = load_with_test(self.dataset, self.size, self.on_bad)
        pool = pool.with_student(self.student)
        test = check_pair(pool, test)  # with the pool's traits
        runtime = choose_runtime(precision=self.precision)
        return Setup(pool, test, runtime, self.teacher or None, self.teacher_epochs)


@dataclass(frozen=True)
class Line:
    """One line of the plan.

    Attributes:
        key: its name. claims: what it speaks to.
        setting: dataset and network.
        arms, ipc, protocols: the grid; arms by their keys, see `arms.arm_asked`.
        n: replicates; the verdict waits for all of them.
        effects: see `terms`.
        least: an effect holds where the corrected t-test says above this; below 0 it is a margin.
        family: of Holm's correction.
        priority: 1 is done first. minutes: estimated, on two cores, besides scores and teachers.
        frozen, trainings: see `plan_trials`.
        anchor: accuracy that was published for an effect that is a single arm; 0 for none.
        student: another network than the setting's; the setting's still scores the pool.
        epochs: another length than the protocol's published one, for a curve over steps.
        crops: arms that name no crop have theirs chosen from these smallest areas, for each
            replicate, on a hold-out of the pool.
        known: for each effect, how many of the first replicates were there when it was planned, as
            rows of other lines. They are not judged, and an effect of which fewer than three
            others are left stays exploratory. Nothing: none was known.
        measure: "accuracy" of trained networks, or "entropy" of the sets (nothing is trained).
        value: the column of the rows that the effects are of.
        folder: of somebody's own plan and its rows; None for the kit's. planned_at: the commit of
            that plan, "-dirty" if it has changed since, "" outside git.
    """

    key: str
    claims: tuple[str, ...]
    setting: Setting
    arms: tuple[str, ...]
    ipc: int | tuple[int, ...]
    n: int
    effects: tuple[str, ...]
    family: str
    priority: int
    minutes: float
    protocols: tuple[str, ...] = ("hard",)
    least: float = 0.0
    frozen: tuple[str, ...] = ()
    trainings: int = 1
    anchor: float = 0.0
    student: str = ""
    epochs: int = 0
    crops: tuple[float, ...] = ()
    known: tuple[int, ...] = ()
    measure: str = "accuracy"
    value: str = "top1"
    folder: Path | None = None
    planned_at: str = ""

    @cached_property
    def trials(self) -> list[Trial]:
        """Its grid, replicate by replicate."""
        arms = [arm_asked(key) for key in self.arms]
        changes = {"epochs": self.epochs} if self.epochs else {}
        how = [protocols.named(name).but(**changes) for name in self.protocols]
        student, shared = [self.network], (self.frozen, self.trainings)
        return trials_of(arms, self.ipc, how, self.n, student, *shared)

    @property
    def network(self) -> str:
        """Name of the network that is trained."""
        return self.student or self.setting.student

    @property
    def crops_told(self) -> str:
        """Its crops as its rows say them."""
        return " ".join(map(str, self.crops))

    @property
    def ipcs(self) -> tuple[int, ...]:
        """Images per class, one number or several."""
        return (self.ipc,) if isinstance(self.ipc, int) else tuple(self.ipc)

    @property
    def path(self) -> Path:
        """The csv that holds its rows, and those of the setting's other lines."""
        kind = "" if self.measure == "accuracy" else f"-{self.measure}"
        return (self.folder or evidence_dir()) / f"campaign-{self.setting.name}{kind}.csv"

    @property
    def is_own(self) -> bool:
        """Whether the plan is somebody's own."""
        return self.folder is not None

    @property
    def stamp(self) -> str:
        """The column of its rows that names a commit of the plan's repository."""
        root = checkout()
        inside = self.folder is None or (root is not None and root in self.folder.parents)
        return "git" if inside else "plan_git"

    def known_of(self, effect: str) -> int:
        """How many of the first replicates of an effect were known when it was planned."""
        return dict(zip(self.effects, self.known, strict=False)).get(effect, 0)

    @cached_property
    def taught(self) -> bool:
        """Whether a teacher is needed, for labels or for making sets."""
        return any(trial.taught for trial in self.trials)

    def rows(self, read: Callable[[Path], pd.DataFrame] = read_rows) -> pd.DataFrame:
        """The rows of its grid that were measured, one per trial.

        Of a trial that two machines made, the one whose run_hash comes first: whoever joins files
        cannot choose.

        Args:
            read: the rows of a file; whoever asks many lines reads each file once.
        """
        rows, wanted = read(self.path), {self._identity(t): t for t in self.trials}
        asked = dict(zip(IDENTITY, map(set, zip(*wanted, strict=True)), strict=True))
        likely = rows[list(IDENTITY)].isin(asked).all(axis=1).to_numpy()  # one by one takes long
        told = rows[[name for name in _OF_A_TRIAL if name in rows]][likely]
        mine: dict[tuple[object, ...], list[tuple[str, int]]] = {}
        for place, row in zip(likely.nonzero()[0], told.to_dict("records"), strict=True):
            identity = identity_of(row)
            if self._is_here(row) and _is_of(row, wanted.get(identity)):
                mine.setdefault(identity, []).append((str(row.get("run_hash")), int(place)))
        return rows.iloc[[min(made)[1] for made in mine.values()]]

    def _is_here(self, row: dict[Any, Any]) -> bool:
        """Whether a row is of the setting as it stands in the plan, as far as the row says."""
        told = {name: row[name] for name in OF_SETTING if not pd.isna(row.get(name))}
        asked = {name: getattr(self.setting, name) for name in told}  # of no teacher if none is
        if "dataset" in told and not pd.isna(row.get("data_hash")):  # images may be moved
            asked["dataset"], told["dataset"] = map(kind_of, (asked["dataset"], told["dataset"]))
        if "taught_by" not in told and not pd.isna(row.get("teacher")):  # an older row
            asked["teacher"] = self.setting.taught_by.split(",")[0]
            told["teacher"] = row["teacher"].split(",")[0]
        return asked == told

    def missing(self, rows: pd.DataFrame | None = None) -> list[Trial]:
        """The trials without a row, in order; of its `rows`, where they have been read."""
        rows = self.rows() if rows is None else rows
        there = {identity_of(row) for row in rows[list(IDENTITY)].to_dict("records")}
        return [trial for trial in self.trials if self._identity(trial) not in there]

    def add(self, table: pd.DataFrame) -> None:
        """Append rows of trials that have none; see `append_new`."""
        table = table.assign(crops=self.crops_told)
        if self.stamp == "plan_git":
            made = [store.finished_at(runs_dir("train") / name) for name in table["run_hash"]]
            table = table.assign(plan_git=self.planned_at, made=made)
        append_new(self.path, table)

    def _identity(self, trial: Trial) -> tuple[object, ...]:
        """What tells the trials of a setting apart, as far as a row says it too."""
        tried = (trial.arm.key, trial.ipc, trial.protocol.name, trial.protocol.epochs)
        seeds = (trial.seed, trial.seeds.set, trial.seeds.training)
        return (*tried, trial.student, *seeds, self.crops_told)


def exploratory(
    lines: Iterable[Line], rows_of: Mapping[str, pd.DataFrame] | None = None
) -> dict[Path, int]:
    """The rows of each file that no line counts, being of none or of a trial that has one already.

    Files without any are left out. rows_of: those of each line by its key, where they are known.
    """
    mine: dict[Path, set[Any]] = {}
    read = cache(read_rows)
    for line in lines:
        rows = rows_of[line.key] if rows_of else line.rows(read)
        mine.setdefault(line.path, set()).update(rows.index)
    left = {path: len(read(path)) - len(rows) for path, rows in mine.items()}
    return {path: count for path, count in left.items() if count}


def _is_of(row: dict[Any, Any], trial: Trial | None) -> bool:
    """Whether a row is this trial's, with its scoring run and teacher where the row has them."""
    if trial is None:
        return False
    layers = (("scoring_seed", trial.seeds.scoring), ("teacher_seed", trial.seeds.teacher))
    return all(pd.isna(row.get(name)) or row[name] == seed for name, seed in layers)


def kind_of(dataset: str) -> str:
    """A dataset's name, without the place of one's own images, which the rows' data_hash tells."""
    kind, colon, _ = dataset.partition(":")
    return f"{kind}:" if colon and kind in ("folder", "parquet") else dataset
