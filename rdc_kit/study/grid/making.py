"""Rows of the campaign are made, of the images and the code that their line has rows of already."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from ...data.imagesets import DataError
from .arms import Arm
from .campaign import Line, read_rows
from .experiments import Experiment
from .holdout import choose_on_holdout
from .rows import data_hash
from .setups import Trial


def make_rows(line: Line, trials: Iterable[Trial], workers: str | int = 1) -> pd.DataFrame:
    """Train some trials of a line and keep their rows."""
    _check_data(line)
    codes = _check_code(line)
    chosen = [_with_crop(line, trial) for trial in trials]
    table = Experiment(line.setting.setup, chosen, line.key).measure(workers=workers)
    if any(codes.values()):
        table["code"] = table["arm"].map(codes)
    line.add(table)
    return table


def _check_data(line: Line) -> None:
    """Refuse to join rows of other images, such as of a folder that has changed meanwhile.

    Raises:
        DataError: the file has such rows.
    """
    rows, here = read_rows(line.path), data_hash(line.setting.setup)
    there = set(rows["data_hash"].dropna()) if "data_hash" in rows else set()
    if there - {here}:
        raise DataError(
            f"{line.path.name} has rows of other images of {line.setting.dataset} than are here "
            f"now (data_hash {min(there - {here})}, here {here}): bring those back, or begin a "
            "setting of another name"
        )


def _check_code(line: Line) -> dict[str, str]:
    """Hash of a user's own code in each arm, "" for the kit's.

    Raises:
        DataError: the line has rows that other code made.
    """
    codes = {trial.arm.key: line.setting.setup.code_of(trial) for trial in line.trials}
    rows = line.rows()
    there = rows["code"].fillna("") if "code" in rows else pd.Series("", rows.index)
    changed = rows["arm"][there != rows["arm"].map(codes)]
    if len(changed):
        raise DataError(
            f"{line.path.name} has rows of {changed.iloc[0]!r} by another version of your code: "
            "bring that back, or give what has changed another name and begin a line with it"
        )
    return codes


def _with_crop(line: Line, trial: Trial) -> Trial:
    """The trial with the crop that is best on a hold-out, if the line asks for that."""
    arm = trial.arm
    if not line.crops or "crop" in arm.protocol:
        return trial
    crops = [{"crop": (low, 1.0)} for low in line.crops]
    arms = [Arm(arm.method, arm.options, arm.protocol | crop) for crop in crops]
    how = (trial.ipc, trial.protocol, trial.seed, trial.student)
    best = choose_on_holdout(line.setting.setup, arms, *how)
    return replace(trial, protocol=trial.protocol.but(crop=best.protocol["crop"]))
