"""Verdicts on the plan's lines: at the planned n and not before, corrected within a family."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats as distributions

from ..grid.campaign import Line, Setting
from ..grid.rowfiles import read_rows
from ..grid.setups import LAYERS
from ..grid.terms import CHANCE, terms_of
from .effects import Absent, effect_by_seed, over_images
from .stats import LEAST, chance, half_width, holm, mean_interval

COLUMNS = [
    *("line", "claims", "dataset", "size", "ipc", "epochs", "student", "effect", "least", "anchor"),
    *("unit", "mean", "low", "high", "low_images", "high_images", "n", "planned", "p", "family"),
    *("verdict", "change", "priority", "labels", "crops"),
]
_INSIDE = ["values", "where", "frozen", "chance", "judged", "apart"]  # columns that are not told
WITHIN = 2.5  # points; an anchor is reproduced within these
_LEVEL = 0.05
_OF_SETS = ("arm", "budget", "protocol", "set_hash")  # columns that tell whether sets are one
_WORDS = {"scoring": "scoring run", "teacher": "teacher", "set": "set"}


def judge_lines(
    lines: list[Line], rows_of: Mapping[str, pd.DataFrame] | None = None
) -> pd.DataFrame:
    """A row per line and effect; columns COLUMNS.

    low, high: 95 % t-interval over replicates, of the means over what lies below the topmost layer
    that varies. p: of the t-test against least, by Holm's correction within the family, in which
    an effect that is still pending counts as 1. low_images, high_images: 95 % of 2000 draws of test
    images, the runs as they are. change: what would change the verdict. labels: of the protocols
    that the effect compares, "hard" or "hard, soft". crops: those among which each arm took its
    best on a part of the pool, "" where all had the usual one. Replicates that were known when an
    effect was planned do not count, nor in n and planned; where fewer than three others are left,
    all are shown, and the verdict is "exploratory".

    rows_of: the rows of each line by its key, where they are known.
    """
    read = cache(read_rows)  # each file once
    measured = [(line, rows_of[line.key] if rows_of else line.rows(read)) for line in lines]
    judged = [_judged(line, rows, effect) for line, rows in measured for effect in line.effects]
    table = pd.DataFrame(judged, columns=[*COLUMNS, *_INSIDE])
    table["p"] = table["p"].astype(float)
    for _, part in table[table["anchor"] == 0].groupby("family"):
        # What is still pending counts as 1, so that a verdict only gets firmer as lines are done.
        corrected = pd.Series(holm(part["p"].fillna(1.0).to_numpy()), index=part.index)
        table.loc[part.index, "p"] = corrected.where(part["p"].notna())
    rows = table.to_dict("records")
    anchors = [
        (place, row["ipc"], _verdict(row, False))
        for row in rows
        if row["anchor"]
        for place in row["where"]
    ]
    table["verdict"] = [_verdict(row, _is_anchored(row, anchors)) for row in rows]
    table["change"] = [_bar(row) or what_would_change(row) for row in table.to_dict("records")]
    return table[COLUMNS]


def _judged(line: Line, rows: pd.DataFrame, effect: str) -> dict[str, object]:
    rows, planned = _fresh(line, rows, effect)
    values = replicates(line, rows, effect)
    named = {term.protocol for term in terms_of(effect) if term.arm != CHANCE}
    used = [trial.protocol for trial in line.trials if {"", trial.protocol.name} & named]
    student = line.network
    place = (line.setting.name, line.measure, student, line.crops_told)
    row: dict[str, object] = {
        "line": line.key,
        "claims": "; ".join(line.claims),
        "dataset": line.setting.dataset,
        "size": line.setting.size,
        "ipc": line.ipc if isinstance(line.ipc, int) else " ".join(map(str, line.ipc)),
        "epochs": used[0].epochs,
        "student": student,
        "effect": effect,
        "least": line.anchor or line.least,
        "anchor": line.anchor,
        "unit": unit_of(effect, line.value),
        "n": len(values),
        "planned": planned or line.n // line.trainings,
        "judged": planned > 0,
        "family": line.family,
        "priority": line.priority,
        "labels": ", ".join(sorted({how.labels for how in used})),
        "crops": line.crops_told,
        "values": values.to_numpy(),
        # What one protocol, network, length or choice of crops came to says nothing of another.
        "where": frozenset((*place, how.name, how.epochs) for how in used),
        "frozen": ", ".join(shared_layers(line, rows, effect)),
        "chance": float("nan"),
        "apart": _apart(rows),
    }
    if row["unit"] == "% right" and len(rows) and "per_class" in rows:
        row["chance"] = chance(rows)
    if len(values):
        row |= dict(zip(("mean", "low", "high"), mean_interval(values.to_numpy()), strict=True))
    if LEAST <= len(values) == row["planned"] and not row["apart"]:
        if line.value == "top1":
            low_high = over_images(rows, effect)
            row |= dict(zip(("low_images", "high_images"), low_high, strict=True))
        if not line.anchor and planned and np.ptp(values) > 0:  # equal values have no spread
            test = distributions.ttest_1samp(values, line.least, alternative="two-sided")
            row["p"] = float(test.pvalue)
    return row


def _apart(rows: pd.DataFrame) -> str:
    """Why rows must not be compared, though they are of one line: files were joined; "" if not."""
    if "data_hash" in rows and rows["data_hash"].nunique() > 1:
        return "rows of different images"
    if "code" in rows and rows.fillna({"code": ""}).groupby("arm")["code"].nunique().max() > 1:
        return "rows by different versions of your code"
    return ""


def _fresh(line: Line, rows: pd.DataFrame, effect: str) -> tuple[pd.DataFrame, int]:
    """The rows that an effect is judged by and its planned replicates; all and 0 if too few."""
    known = line.known_of(effect)
    planned = line.n // line.trainings - known
    if planned < LEAST:
        return rows, 0
    return rows[rows["seed"] >= known * line.trainings], planned


def shared_layers(line: Line, rows: pd.DataFrame, effect: str) -> list[str]:
    """What all replicates of an effect share, in words; not a layer that its rows do not use.

    Beside frozen layers that is a set which came out the same for every seed, as a file's does.

    Args:
        line: of the plan. rows: its measured ones. effect: see `terms`.
    """
    epochs = line.setting.teacher_epochs
    usual = epochs == Setting.teacher_epochs
    words = _WORDS if usual else _WORDS | {"teacher": f"teacher of {epochs} epochs"}
    named = {(term.arm, term.protocol) for term in terms_of(effect)}
    own = [
        not {(arm, ""), (arm, how)}.isdisjoint(named)
        for arm, how in zip(rows["arm"], rows["protocol"], strict=True)
    ]
    # Of its columns these alone are asked: to take all the texts of others takes long.
    asked = (*_OF_SETS, *(f"{layer}_seed" for layer in LAYERS))
    mine = rows.loc[np.array(own, bool), [name for name in rows if name in asked]]
    used = mine.notna().any()
    frozen = [layer for layer in LAYERS if layer in line.frozen and used[f"{layer}_seed"]]
    if "set" not in frozen and any(_one_set(line, part) for _, part in mine.groupby("arm")):
        frozen.append("set")
    said = [f"one {words[layer]}" for layer in frozen]
    return said + ["one observer"] * (line.measure == "entropy")


def _one_set(line: Line, rows: pd.DataFrame) -> bool:
    """Whether an arm's rows of several seeds are of one set, and no frozen layer says why."""
    if "set_hash" not in rows or rows["set_seed"].nunique() < 2:
        return False
    ranked = "scoring" in line.frozen and rows["scoring_seed"].notna().any()
    counts = rows.groupby(["budget", "protocol"])["set_hash"].agg(["nunique", "size"])
    return not ranked and bool(((counts["nunique"] == 1) & (counts["size"] > 1)).any())


def unit_of(effect: str, value: str) -> str:
    """Unit of an effect on accuracies, value "top1"; "" of others, where the claim says it."""
    terms = terms_of(effect)
    if value != "top1" or any(term.best for term in terms):
        return ""
    if any(term.operator == "/" for term in terms):
        return "times"
    return "points" if len(terms) > 1 else "% right"


def replicates(line: Line, rows: pd.DataFrame, effect: str) -> pd.Series:
    """The effect in each replicate that is complete; trainings on one set are averaged first."""
    try:
        values = effect_by_seed(rows, effect, line.value)
    except Absent:
        return pd.Series(dtype=float)
    groups = values.groupby(values.index // line.trainings)
    return groups.mean()[groups.count() == line.trainings]


def _is_anchored(row: dict[Hashable, Any], anchors: list[tuple[Any, Any, str]]) -> bool:
    """Whether the row's protocol, network, length and crops came to a published number.

    Each of its protocols, where it compares two. That number may be of another recipe: of random
    images it is.

    Anchors with as many images per class decide, one that is reproduced being enough; where there
    are none or they are pending, those with any number. An effect with several numbers needs that
    of each.

    Args:
        row: of the table. anchors: where, images per class and verdict of each.
    """
    for place in row["where"]:
        known = [(ipc, said.split(",")[0]) for where, ipc, said in anchors if where == place]
        for room in str(row["ipc"]).split():
            own = [s for ipc, s in known if str(ipc) == room and not s.startswith("pending")]
            if "reproduced" not in (own or [said for _, said in known]):
                return False
    return True


def _verdict(row: dict[Hashable, Any], anchored: bool) -> str:
    """What is said of a row of the table.

    "not judged" (its rows cannot be compared), "holds", "fails", "undecided", "exploratory" (it was
    known), "reproduced", "not reproduced" or "pending, k of n".

    "Fails" asks for an anchor, see `_is_anchored`; else it is "not confirmed". An accuracy
    that need not be above chance never holds.
    """
    if row["apart"]:
        return f"not judged, {row['apart']}"
    if row["n"] < row["planned"]:
        return f"pending, {row['n']} of {row['planned']}"
    if not row["judged"]:
        said = "exploratory, known before it was planned"
    elif row["anchor"]:
        near = abs(row["mean"] - row["anchor"]) <= WITHIN
        said = "reproduced" if near else "not reproduced"
    elif math.isnan(row["p"]) or row["p"] > _LEVEL:
        said = "undecided"
    elif row["mean"] > row["least"]:
        said = "undecided" if row["least"] <= row["chance"] else "holds"
    else:
        said = "fails" if anchored else "not confirmed"
    return f"{said}, for {row['frozen']}" if row["frozen"] else said


def _bar(row: dict[Hashable, Any]) -> str:
    """What an undecided accuracy lacks that guessing would reach; "" where that is not so."""
    if str(row["verdict"]).startswith("undecided") and row["least"] <= row["chance"]:
        return f"a least above chance, {row['chance']:g} %"
    return ""


def what_would_change(row: dict[Hashable, Any]) -> str:
    """What would change the verdict on a line, in a few words.

    For an undecided line the replicates that its spread asks for, if the mean stays; for a decided
    one those, as far on the other side of its threshold, that would leave it undecided; neither is
    corrected for the family.
    """
    verdict = str(row["verdict"])
    if verdict.startswith("pending"):
        return f"`rdc evidence --line {row['line']} --minutes 60`"
    if verdict.startswith("not judged"):
        return "rows of one kind only: take the others out of the file"
    if verdict.startswith("exploratory"):
        return "replicates that nobody had seen when it was planned"
    if row["anchor"]:
        if verdict.startswith("not"):
            return "another protocol, or other images"
        reach = max(row["high"] - row["anchor"], row["anchor"] - row["low"])
        if not row["low"] <= row["anchor"] <= row["high"]:
            return (
                f"its interval excludes the published number, and reaches {reach:.1f} points away"
            )
        return f"its interval reaches {reach:.1f} points away" if reach > WITHIN else ""
    values = np.asarray(row["values"], float)
    if verdict.startswith("undecided"):
        needed = _needed(values, row["least"])
        if needed == len(values):
            return "only the correction for its family leaves it undecided"
        return f"about {needed} replicates" if needed <= 1000 else "more than 1000 replicates"
    more = _bearable(values, row["least"])
    away = f"as far on the other side of {row['least']:g}"
    away = away if row["least"] else "with an effect of the opposite sign"
    return f"{more} more replicate{'s' * (more > 1)} {away}"


def _needed(values: np.ndarray, least: float) -> int:
    """Replicates at which the interval excludes the threshold, if mean and sd stay as they are."""
    distance, sd = abs(values.mean() - least), np.std(values, ddof=1)
    for n in range(len(values), 1001):
        if distributions.t.ppf(0.975, n - 1) * sd / np.sqrt(n) < distance:
            return n
    return 1001


def _bearable(values: np.ndarray, least: float) -> int:
    """More replicates, as far on the other side of the threshold, that leave it undecided."""
    opposite = 2 * least - values.mean()
    for more in range(1, len(values)):
        longer = np.concatenate([values, np.full(more, opposite)])
        if half_width(longer) >= abs(longer.mean() - least):
            return more
    return len(values)  # the mean is at the threshold
