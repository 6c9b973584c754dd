"""`rdc evidence --again`: finished rows made again on this machine, beside the committed ones.

Rows of one line may come from several machines, so it must be seen that a recipe gives the same
accuracy on each of them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..study.grid.campaign import Line
from ..study.grid.experiments import Experiment
from ..study.grid.making import check_same
from ..study.grid.rowfiles import append_new
from ..study.grid.rows import HASHES, is_measured, row_of
from ..study.grid.setups import Setup, Trial
from ..study.verdicts.stats import mean_interval
from ..train import protocols

_SAME = ["arm", "ipc", "protocol", "seed", "set_seed", "training_seed"]
_THERE = ["top1", "set_hash", "device", "git"]
COLUMNS = ["line", *_SAME, *_THERE, *(f"{name}_there" for name in _THERE)]


def evidence_again(lines: Sequence[Line], minutes: float, workers: str | int = "auto") -> int:
    """Make rows again, replicate by replicate, and print the difference in accuracy.

    Rows that this machine has committed itself are left out. The table is written after each
    replicate, to again-SETTING.csv beside the committed rows; what was made here before and is not
    in it, because a process was killed, is fetched.

    Args:
        lines: of the plan. minutes: no replicate is begun after them. workers: of each grid.

    Raises:
        ValueError: no time, or every finished row of these lines is from here or in the table.
    """
    if minutes <= 0:
        raise ValueError("evidence --again needs --minutes, the time for making rows again")
    end, found = time.monotonic() + 60 * minutes, list[pd.DataFrame]()
    for line in lines:
        for seed in range(line.n):
            if time.monotonic() < end and len(pairs := _again(line, seed, workers)):
                path = line.path.with_name(f"again-{line.setting.name}.csv")
                found.append(add_pairs(path, pairs))
    if not sum(map(len, found)):
        raise ValueError(
            "evidence --again: no finished row of these lines is from elsewhere and not made again"
        )
    print(summary(pd.concat(found)))
    return 0


def _again(line: Line, seed: int, workers: str | int) -> pd.DataFrame:
    """The finished rows of a replicate and those that this machine makes; columns COLUMNS."""
    missing, setup = line.missing(), line.setting.setup
    own = [trial for trial in line.trials if trial.seed == seed and trial not in missing]
    if line.measure != "accuracy" or line.crops or not own:
        return pd.DataFrame(columns=COLUMNS)
    there = line.rows()
    elsewhere = [trial for trial in own if not _is_ours(trial, setup, there)]
    if not elsewhere:
        return pd.DataFrame(columns=COLUMNS)
    check_same(line)
    here = Experiment(setup, elsewhere, line.key).measure(workers=workers)
    return paired(line.key, here, there)


def _is_ours(trial: Trial, setup: Setup, there: pd.DataFrame) -> bool:
    """Whether a trial's committed row is the one in this machine's store.

    A training again has another speed, even on the same machine.
    """
    if not is_measured(trial, setup):
        return False
    here, same = row_of(trial, setup), pd.Series(True, there.index)
    for name in ("run_hash", "device", "git"):
        same &= there[name].fillna("") == here[name]
    speed = "images_per_second"
    return bool((same & ((there[speed] - here[speed]).abs() < 0.05)).any())


def paired(key: str, here: pd.DataFrame, there: pd.DataFrame) -> pd.DataFrame:
    """Rows of the same trials side by side; columns COLUMNS.

    Args:
        key: of the line. here, there: rows of its trials.
    """
    names = [*_SAME, *_THERE]
    return (
        here[names].merge(there[names], on=_SAME, suffixes=("", "_there")).assign(line=key)[COLUMNS]
    )


def add_pairs(path: Path, pairs: pd.DataFrame) -> pd.DataFrame:
    """Append the pairs that are new to a table, and return them; see `rowfiles.append_new`."""
    return append_new(path, pairs, _read_pairs, _keys)


def _read_pairs(path: Path) -> pd.DataFrame:
    texts = HASHES | {f"{name}_there": str for name in HASHES}
    return pd.read_csv(path, dtype=texts) if path.is_file() else pd.DataFrame(columns=COLUMNS)


def _keys(pairs: pd.DataFrame) -> list[tuple[object, ...]]:
    """What tells pairs apart: the trial, and by whom it was made."""
    names = ["line", *_SAME, "device", "git", "device_there", "git_there"]
    return [tuple(map(str, row)) for row in pairs[names].fillna("").to_numpy().tolist()]


def summary(pairs: pd.DataFrame) -> str:
    """One line: how far this machine's accuracies are from the committed ones, on the same images.

    A machine that scores, distils or crops anew may make another set, which says nothing of
    training. Where there are several kinds of labels, each has its own difference too: soft ones
    train by a teacher's answers, whose arithmetic may differ as well.
    """
    devices = ", ".join(pairs["device"].unique()), ", ".join(pairs["device_there"].unique())
    same = pairs[pairs["set_hash"] == pairs["set_hash_there"]]
    told = [
        f"evidence: {len(pairs)} rows again on {devices[0]}, before on {devices[1]}",
        f"{len(same)} trained on the same images {_difference(same)}",
    ]
    kinds = list(same.groupby(same["protocol"].map(lambda name: protocols.named(name).labels)))
    if len(kinds) > 1:
        told += [f"{labels} labels {_difference(part)}" for labels, part in kinds]
    return "; ".join(told)


def _difference(same: pd.DataFrame) -> str:
    """The mean difference with its 95 % t-interval; trainings on one set share its luck: one."""
    gaps = (same["top1"] - same["top1_there"]).groupby(same["set_hash"]).mean().to_numpy()
    told = f"({len(gaps)} set{'s' * (len(gaps) != 1)})"
    if len(gaps) < 2:
        return f"{told}: too few to compare"
    mean, low, high = mean_interval(gaps)
    sd = gaps.std(ddof=1)
    return f"{told}: {mean:+.2f} points ({low:+.2f} to {high:+.2f}), sd {sd:.2f}"
