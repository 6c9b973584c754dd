"""Verdicts on the plan's lines: at the planned n and not before, corrected within a family."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats as distributions

from ...train.accuracy import unpack
from ..grid.arms import arm_named
from ..grid.campaign import Line, terms
from ..grid.setups import LAYERS
from .stats import half_width

COLUMNS = [
    *("line", "claims", "dataset", "size", "ipc", "student", "effect", "least"),
    *("mean", "low", "high", "low_images", "high_images", "n", "planned", "p", "family", "verdict"),
]
WITHIN = 2.5  # points; an anchor is reproduced within these
_LEVEL = 0.05
_WORDS = {"scoring": "scoring run", "teacher": "teacher", "set": "set"}
_DRAWS = 2000


def judge_lines(lines: list[Line]) -> pd.DataFrame:
    """A row per line and effect; columns COLUMNS.

    low, high: 95 % t-interval over replicates, of the means over what lies below the topmost layer
    that varies. low_images, high_images: 95 % of 2000 draws of test images, the runs as they are.
    """
    judged = [_judged(line, effect) for line in lines for effect in line.effects]
    table = pd.DataFrame(judged, columns=[*COLUMNS, "setting", "frozen", "anchor"])
    table["p"] = table["p"].astype(float)
    for _, part in table[table["p"].notna()].groupby("family"):
        table.loc[part.index, "p"] = holm(part["p"].to_numpy())
    verdicts = [_verdict(row, False) for row in table.to_dict("records")]
    anchored = set(table["setting"][[one == "reproduced" for one in verdicts]])
    rows = table.to_dict("records")
    table["verdict"] = [_verdict(row, row["setting"] in anchored) for row in rows]
    return table[COLUMNS]


def _judged(line: Line, effect: str) -> dict[str, object]:
    rows = line.measured(line.setting.rows())
    values = replicates(line, rows, effect)
    row: dict[str, object] = {
        "line": line.key,
        "claims": ", ".join(line.claims),
        "dataset": line.setting.dataset,
        "size": line.setting.size,
        "ipc": line.ipc,
        "student": line.setting.student,
        "effect": effect,
        "least": line.anchor or line.least,
        "n": len(values),
        "planned": -(-line.n // line.trainings),
        "family": line.family,
        "frozen": ", ".join(f"one {_WORDS[layer]}" for layer in LAYERS if layer in line.frozen),
        "anchor": line.anchor,
        "setting": line.setting.name,
    }
    if len(values):
        mean, half = float(values.mean()), half_width(values.to_numpy())
        row |= {"mean": mean, "low": mean - half, "high": mean + half}
    if 2 < len(values) == row["planned"]:
        row |= dict(zip(("low_images", "high_images"), over_images(rows, effect), strict=True))
        if not line.anchor:
            test = distributions.ttest_1samp(values, line.least, alternative="two-sided")
            row["p"] = float(test.pvalue)
    return row


def replicates(line: Line, rows: pd.DataFrame, effect: str) -> pd.Series:
    """The effect in each replicate that is complete; trainings on one set are averaged first."""
    parts = [_term(rows, *term).set_index("seed")["top1"] for term in terms(effect)]
    values = (parts[0] - parts[1] if len(parts) == 2 else parts[0]).dropna()
    groups = values.groupby(values.index // line.trainings)
    return groups.mean()[groups.count() == line.trainings]


def _term(rows: pd.DataFrame, arm: str, protocol: str) -> pd.DataFrame:
    """The rows of one arm."""
    mine = rows[rows["arm"] == arm_named(arm).key]
    return mine[mine["protocol"] == protocol] if protocol else mine


def over_images(rows: pd.DataFrame, effect: str) -> tuple[float, float]:
    """95 % interval of the mean effect when test images are drawn anew, with replacement."""
    signs, means = (1.0, -1.0), 0.0
    for sign, term in zip(signs, terms(effect), strict=False):
        mine = _term(rows, *term)
        hits = [unpack(text, int(count)) for text, count in mine[["hits", "tests"]].to_numpy()]
        means = means + sign * np.mean(hits, axis=0)
    per_image = np.asarray(means)
    draw = np.random.default_rng(0)
    picks = (draw.choice(per_image, len(per_image)).mean() for _ in range(_DRAWS))
    low, high = np.quantile(100 * np.fromiter(picks, float), [0.025, 0.975])
    return float(low), float(high)


def holm(values: np.ndarray) -> np.ndarray:
    """Holm's step-down correction: p-values such that the family's error stays at the level.

    Source: Holm, Scandinavian Journal of Statistics 6 (1979).
    """
    order = np.argsort(values)
    raised = values[order] * (len(values) - np.arange(len(values)))
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(1, np.maximum.accumulate(raised))
    return corrected


def _verdict(row: dict[Hashable, Any], anchored: bool) -> str:
    """ "holds", "fails", "undecided", "reproduced", "not reproduced" or "pending, k of n".

    "Fails" asks for a reproduced anchor in the same setting; else it is "not confirmed".
    """
    if row["n"] < row["planned"]:
        return f"pending, {row['n']} of {row['planned']}"
    if row["anchor"]:
        near = abs(row["mean"] - row["anchor"]) <= WITHIN
        return "reproduced" if near else "not reproduced"
    if math.isnan(row["p"]) or row["p"] > _LEVEL:
        said = "undecided"
    elif row["mean"] > row["least"]:
        said = "holds"
    else:
        said = "fails" if anchored else "not confirmed"
    return f"{said}, for {row['frozen']}" if row["frozen"] else said
