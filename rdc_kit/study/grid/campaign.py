"""The campaign: what is measured for the verdicts, planned in a file before its first row.

A line of the plan is a grid of one dataset with the effects that it is made for. Rows are kept in a
csv per setting, with the hash of everything that was tried; they travel between machines by git.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...data.loading import load
from ...ground import store
from ...ground.device import choose_runtime
from ...ground.folders import evidence_dir
from ...ground.names import unknown
from ...train import protocols
from ...train.evaluation import check_pair
from .arms import arm_named
from .experiments import Experiment, trials_of
from .rows import COLUMNS, trial_config
from .setups import Setup, Trial


class PlanError(ValueError):
    """The plan's file is wrong; the message says where."""


@dataclass(frozen=True)
class Setting:
    """What lines of one dataset share: everything that is not varied.

    Attributes:
        name: of the file of rows, campaign-NAME.csv.
        dataset, size, student: what is trained; the student scores the pool too.
        precision: "bf16" or "fp32"; on every machine the same, so that rows can be joined.
        teacher, teacher_epochs: see `Setup`.
        note: what must be said beside the numbers.
    """

    name: str
    dataset: str
    size: int
    student: str
    precision: str = "bf16"
    teacher: str = ""
    teacher_epochs: int = 30
    note: str = ""

    @cached_property
    def setup(self) -> Setup:
        """The pool, the test set and the rest, loaded."""
        pool, test = load(self.dataset, self.size)
        traits = replace(pool.traits, student=self.student)
        pool = replace(pool, traits=traits)
        test = replace(check_pair(pool, test), traits=traits)
        runtime = choose_runtime(precision=self.precision)
        return Setup(pool, test, runtime, self.teacher or None, self.teacher_epochs)

    @property
    def path(self) -> Path:
        """The csv of its rows."""
        return evidence_dir() / f"campaign-{self.name}.csv"

    def rows(self) -> pd.DataFrame:
        """All rows that were measured, columns rows.COLUMNS; none if there is no file."""
        return pd.read_csv(self.path) if self.path.is_file() else pd.DataFrame(columns=COLUMNS)

    def add(self, table: pd.DataFrame) -> None:
        """Append rows whose run_hash is new, in whole or not at all."""
        old = self.rows()
        new = table[~table["run_hash"].isin(old["run_hash"])]
        joined = pd.concat([old, new], ignore_index=True) if len(old) else new
        with store.atomic_path(self.path) as part:
            joined.to_csv(part, index=False)


@dataclass(frozen=True)
class Line:
    """One line of the plan.

    Attributes:
        key: its name. claims: what it speaks to.
        setting: dataset and network.
        arms, ipc, protocols: the grid; arms by their keys, see `arms.arm_named`.
        n: replicates; the verdict waits for all of them.
        effects: each "A - B" of arms; "A@soft" names the protocol where there are several.
        least: an effect holds where its whole interval is above this; below 0 it is a margin.
        family: of Holm's correction.
        priority: 1 is done first. minutes: estimated, on two cores.
        frozen, trainings: see `plan_trials`.
        anchor: accuracy that was published for an effect that is a single arm; 0 for none.
    """

    key: str
    claims: tuple[str, ...]
    setting: Setting
    arms: tuple[str, ...]
    ipc: int
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

    @cached_property
    def trials(self) -> list[Trial]:
        """Its grid, replicate by replicate."""
        arms = [arm_named(key) for key in self.arms]
        how = [protocols.named(name) for name in self.protocols]
        student, shared = [self.setting.student], (self.frozen, self.trainings)
        return trials_of(arms, self.ipc, how, self.n, student, *shared)

    def measured(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows of its grid among those of its setting."""
        wanted = {_identity(trial): trial for trial in self.trials}
        mine = [_is_of(row, wanted.get(_row_identity(row))) for row in rows.to_dict("records")]
        return rows.loc[np.array(mine, bool)]

    def missing(self, rows: pd.DataFrame) -> list[Trial]:
        """The trials without a row, in order."""
        there = {_row_identity(row) for row in self.measured(rows).to_dict("records")}
        return [trial for trial in self.trials if _identity(trial) not in there]


def _identity(trial: Trial) -> tuple[object, ...]:
    """What tells the trials of a setting apart, as far as a row says it too."""
    tried = (trial.arm.key, trial.ipc, trial.protocol.name, trial.protocol.epochs, trial.student)
    return (*tried, trial.seed, trial.seeds.set, trial.seeds.training)


def _row_identity(row: dict[Any, Any]) -> tuple[object, ...]:
    names = ["arm", "budget", "protocol", "epochs", "student", "seed", "set_seed", "training_seed"]
    return tuple(row[name] for name in names)


def _is_of(row: dict[Any, Any], trial: Trial | None) -> bool:
    """Whether a row is this trial's, with its scoring run and teacher where the row has them."""
    if trial is None:
        return False
    layers = (("scoring_seed", trial.seeds.scoring), ("teacher_seed", trial.seeds.teacher))
    return all(pd.isna(row.get(name)) or row[name] == seed for name, seed in layers)


def read_plan(path: Path | None = None) -> list[Line]:
    """The lines of a plan, in the order of its file.

    Args:
        path: plan.toml of the committed evidence when left out.

    Raises:
        PlanError: the file is missing or wrong; the message names the line and the field.
    """
    path = path or evidence_dir() / "plan.toml"
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise PlanError(f"{path}: {error}") from None
    settings = {
        name: _made(Setting, {"name": name, **given}, f"setting {name!r}")
        for name, given in content.get("setting", {}).items()
    }
    lines: list[Line] = []
    for given in content.get("line", []):
        where = f"line {given.get('key', len(lines) + 1)!r}"
        if given.get("setting") not in settings:
            raise PlanError(unknown(f"setting of {where}", str(given.get("setting")), settings))
        line = _made(Line, {**given, "setting": settings[given["setting"]]}, where)
        _check(line, where)
        lines.append(line)
    keys = [line.key for line in lines]
    if twice := {key for key in keys if keys.count(key) > 1}:
        raise PlanError(f"{path}: several lines are called {', '.join(sorted(twice))}")
    return lines


def _made(kind: Any, given: dict[str, Any], where: str) -> Any:
    known = [f.name for f in fields(kind)]
    for name in given:
        if name not in known:
            raise PlanError(f"{where}: {unknown('field', name, known)}")
    try:
        return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()})
    except TypeError as error:
        raise PlanError(f"{where}: {error}") from None


def _check(line: Line, where: str) -> None:
    """Every word of a line means something."""
    try:
        keys = {trial.arm.key for trial in line.trials}
    except ValueError as error:
        raise PlanError(f"{where}: {error}") from None
    for effect in line.effects:
        for arm, protocol in terms(effect):
            if arm_named(arm).key not in keys or (protocol and protocol not in line.protocols):
                raise PlanError(f"{where}: effect {effect!r} is not of its arms and protocols")
            if not protocol and len(line.protocols) > 1:
                raise PlanError(
                    f"{where}: effect {effect!r} must say of which protocol: {arm}@soft"
                )


def terms(effect: str) -> list[tuple[str, str]]:
    """The parts of an effect, first what is added, then what is taken away: (arm, protocol)."""
    return [(arm, protocol) for arm, _, protocol in (t.partition("@") for t in effect.split(" - "))]


def make_rows(line: Line, trials: Iterable[Trial], workers: str | int = 1) -> pd.DataFrame:
    """Measure some trials of a line and keep their rows."""
    table = Experiment(line.setting.setup, list(trials), line.key).measure(workers=workers)
    line.setting.add(table)
    return table


def run_hash_of(line: Line, trial: Trial) -> str:
    """The hash that a row of this trial has, if it was made with this code and this data."""
    return store.config_hash(trial_config(trial, line.setting.setup))
