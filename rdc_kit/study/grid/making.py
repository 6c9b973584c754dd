"""Rows of the campaign are made, of the images and the code that their line has rows of already."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from ...compression import check_room
from ...data.imagesets import DataError
from ...train.models import check_fits
from .arms import Arm
from .campaign import Line
from .experiments import Experiment
from .holdout import choose_on_holdout
from .rowfiles import read_rows
from .rows import data_hash
from .setups import Trial


def make_rows(line: Line, trials: Iterable[Trial], workers: str | int = 1) -> pd.DataFrame:
    """Train some trials of a line and keep their rows.

    Raises:
        DataError: see `check_same`.
    """
    check_same(line)
    chosen = [_with_crop(line, trial) for trial in trials]
    table = Experiment(line.setting.setup, chosen, line.key).measure(workers=workers)
    table = with_code(line, table)
    line.add(table)
    return table


def check_room_for(line: Line) -> None:
    """Load a line's data, and refuse what is too much for them in every replicate.

    Raises:
        ValueError: the data are not here, a class has too few images, or the network does not fit.
    """
    setup = line.setting.setup
    check_fits(line.network, setup.pool.size, setup.pool.num_classes)
    for trial in line.trials[: len(line.trials) // line.n]:
        if not trial.arm.pool:
            check_room(trial.arm.method, setup.pool, trial.ipc, setup.settings(trial.arm))


def check_same(line: Line) -> None:
    """Refuse to join or compare rows of other images, or of other code of a user's.

    A folder may have changed meanwhile, or a method.

    Raises:
        DataError: the file has such rows.
    """
    rows, here = read_rows(line.path), data_hash(line.setting.setup)
    there = set(rows["data_hash"].dropna()) if "data_hash" in rows else set()
    if there - {here}:
        raise DataError(
            f"{line.path.name} has rows of other images of {line.setting.dataset} than are here "
            f"now, or for another network of its setting (data_hash {min(there - {here})}, here "
            f"{here}): bring those back, or begin a setting of another name"
        )
    if arm := changed_arm(line):
        raise DataError(
            f"{line.path.name} has rows of {arm!r} by another version of your code: bring that "
            "back, or give what has changed another name and begin a line with it"
        )


def changed_arm(line: Line) -> str:
    """An arm with rows by another version of a user's own code than is here; "" for none."""
    mine = line.rows()
    if mine.empty:  # the images need not be loaded
        return ""
    codes = mine["code"].fillna("") if "code" in mine else pd.Series("", mine.index)
    changed = mine["arm"][codes != _codes(line, mine)]
    return str(changed.iloc[0]) if len(changed) else ""


def with_code(line: Line, table: pd.DataFrame) -> pd.DataFrame:
    """Rows that were made, with the hash of a user's own code where there is any."""
    codes = _codes(line, table)
    return table.assign(code=codes) if codes.any() else table


def _codes(line: Line, rows: pd.DataFrame) -> pd.Series:
    """Hash of a user's own code in each row, as it is now; "" for the kit's."""
    code_of = line.setting.setup.code_of
    known = {(t.arm.key, t.protocol.name): code_of(t) for t in line.trials if t.seed == 0}
    tried = zip(rows["arm"], rows["protocol"], strict=True)
    return pd.Series([known[one] for one in tried], rows.index, dtype=object)


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
