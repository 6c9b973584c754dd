"""Rows of the plan that may stand side by side in a figure: complete, and made alike."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pandas as pd

from ..grid.arms import arm_named, pca_arms
from ..grid.campaign import Line
from ..grid.rowfiles import read_rows

_PROTOCOLS = ("hard", "soft")


def comparable_rows(lines: Iterable[Line]) -> dict[Path, pd.DataFrame]:
    """File of rows -> those of its complete lines, each trial once.

    They are accuracies by the protocols "hard" and "soft", with the usual crop; every replicate has
    a scoring run, a set and a training of its own, while a teacher may be shared. The hits of each
    test image, which no figure shows, are left out.
    """
    parts: dict[Path, list[pd.DataFrame]] = {}
    read = cache(read_rows)  # each file once
    for line in lines:
        alike = not line.crops and line.trainings == 1 and set(line.frozen) <= {"teacher"}
        if line.measure == "accuracy" and alike and not line.missing(rows := line.rows(read)):
            parts.setdefault(line.path, []).append(rows)
    joined = {path: pd.concat(several) for path, several in parts.items()}
    return {
        path: rows[rows["protocol"].isin(_PROTOCOLS)]
        .drop_duplicates("run_hash")
        .drop(columns="hits")
        for path, rows in joined.items()
    }


def first_look_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Hard-label rows of the arms of `arms.pca_arms`, in their order; none where an arm is absent.

    Args:
        rows: of one setting and ipc.
    """
    order = [arm.key for arm in pca_arms()]
    mine = rows[(rows["protocol"] == "hard") & rows["arm"].isin(order)]
    if set(mine["arm"]) != set(order):
        return mine.iloc[:0]
    return in_common(mine).sort_values("arm", key=lambda keys: keys.map(order.index), kind="stable")


def both_labels_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the arms that have hard and soft labels; none without Random and another arm.

    Args:
        rows: of one setting, any ipc. Arms that change the protocol are left out.
    """
    kinds = rows.groupby(["arm", "ipc"])["protocol"].transform("nunique")
    plain = rows["arm"].map(lambda key: not arm_named(key).protocol)
    mine = rows[plain & (kinds == len(_PROTOCOLS))]
    arms = set(mine["arm"])
    return in_common(mine) if "random" in arms and len(arms) > 1 else mine.iloc[:0]


def window_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Hard-label rows of windows of difficulty by EL2N, and Random's; none below three windows.

    Args:
        rows: of one setting, any ipc.
    """
    hard = rows[rows["protocol"] == "hard"]
    windows = hard[(hard["method"] == "el2n") & (hard["order"] == "easy")]
    several = windows[windows.groupby("ipc")["skip"].transform("nunique") > 2]
    ipcs = several["ipc"].unique()
    random = hard[(hard["arm"] == "random") & hard["ipc"].isin(ipcs)]
    return in_common(pd.concat([several, random]))


def in_common(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of those seeds that every arm, ipc and protocol has, so that means are of alike."""
    groups = rows.groupby(["arm", "ipc", "protocol"])["seed"]
    seeds = [set(part) for _, part in groups]
    return rows[rows["seed"].isin(set.intersection(*seeds) if seeds else set())]
