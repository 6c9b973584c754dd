"""The ledger: a verdict on each claim, for every setting that has results."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ...train.labels import stored_bytes
from . import effects
from .claims import CLAIMS, SHOWN, Claim
from .metrics import counter_example
from .stats import half_width
from .tables import SETTING, Tables

COLUMNS = ["claim", "says", *SETTING, "measured", "effect", "low", "high", "unit", "n", "verdict"]


def verdict(values: Sequence[float], least: float = 0.0, smoke: bool = False) -> str:
    """Holds, fails or undecided, by the 95 % t-interval; "not evidence" for fewer than 3 values.

    Args:
        values: paired effects, one per seed.
        least: the threshold; see `Claim`.
        smoke: the values are from the smoke profile, which is too short to show anything.
    """
    if len(values) < 3 or smoke:
        return "not evidence"
    mean, half = float(np.mean(values)), half_width(np.asarray(values, float))
    if mean - half > least:
        return "holds"
    return "fails" if mean + half < least else "undecided"


def judge(claim: Claim, results: Tables) -> list[dict[str, object]]:
    """A ledger row for every setting that has results; without any, one row "not tested"."""
    rows = []
    for group in results.groups(claim.table, claim.merge):
        try:
            values = claim.effect(group).dropna()
        except effects.Absent:
            continue
        if values.empty or (values == 0).all():  # equal runs measure nothing
            continue
        mean, half = float(values.mean()), half_width(values.to_numpy())
        setting = {key: _setting_value(group, key) for key in SETTING}
        smoke = setting["profile"] == "smoke"
        numbers = {"effect": mean, "low": mean - half, "high": mean + half, "n": len(values)}
        decision = verdict(values.tolist(), claim.least, smoke)
        rows.append(_facts(claim) | setting | numbers | {"verdict": decision})
    return rows or [_facts(claim) | {"verdict": "not tested", "n": 0}]


def _facts(claim: Claim) -> dict[str, object]:
    return {
        "claim": claim.key,
        "says": claim.says,
        "measured": claim.measured,
        "unit": claim.unit,
        "table": claim.table,
        "least": claim.least,
    }


def _setting_value(group: pd.DataFrame, key: str) -> object:
    """The value of a setting, or all its values where the claim compares several."""
    if key not in group:
        return None
    values = list(dict.fromkeys(group[key]))
    if len(values) == 1:
        return None if isinstance(values[0], float) and math.isnan(values[0]) else values[0]
    return ", ".join(str(value) for value in values)


def ledger(results: Tables) -> pd.DataFrame:
    """Every claim in every setting that has results.

    Returns:
        A row per claim and setting: claim, says, dataset, size, ipc, epochs, student, profile,
        measured, effect, low, high (95 % t-interval), unit, n (seeds), verdict, table, least.
    """
    rows = [row for claim in CLAIMS for row in judge(claim, results)]
    rows.insert(_place_of("C14", rows), _worked_example())
    rows.insert(_place_of("C16", rows), _price_of_labels())
    return pd.DataFrame(rows, columns=[*COLUMNS, "table", "least"])


def _place_of(key: str, rows: list[dict[str, object]]) -> int:
    return next(k for k, row in enumerate(rows) if row["claim"] == key)


def _worked_example() -> dict[str, object]:
    """C14 needs one counter-example; this is one."""
    before, after = counter_example()[["NLL", "entropy"]].to_numpy()
    return {
        "claim": "C14, example",
        "says": "lower NLL does not imply lower entropy",
        "measured": f"NLL {after[0] - before[0]:+.3f}, and entropy",
        "effect": after[1] - before[1],
        "unit": "nats",
        "n": 0,
        "verdict": "holds, by arithmetic",
        "table": "03/crops",
    }


def _price_of_labels() -> dict[str, object]:
    """C16 at the size that the paper names: this is arithmetic, so it needs no seeds."""
    labels = stored_bytes(10_000, 300, 1000)
    return {
        "claim": "C16, bytes",
        "says": "soft labels cost about 40 times the images' bytes",
        "dataset": "imagenet-1k",
        "ipc": 10,
        "measured": "fp16 answers of 300 epochs / the published 157 MB",
        "effect": labels / 157e6,
        "unit": "times",
        "n": 0,
        "verdict": "holds, by arithmetic",
        "table": "07/price",
    }


def as_markdown(table: pd.DataFrame) -> str:
    """The ledger as a Markdown table, with a link in each line to the cells that show it."""
    lines = [
        "| claim | says | tested on | effect (95 % interval) | n | verdict |",
        "|---|---|---|---|---|---|",
    ]
    for row in table.to_dict("records"):
        notebook, heading = SHOWN[row["table"]]
        link = f"[{row['claim']}]({notebook}.ipynb#{heading.replace(' ', '-')})"
        cells = [link, row["says"], _tested_on(row), _effect(row), row["n"], row["verdict"]]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)


def as_text(table: pd.DataFrame) -> str:
    """The ledger for a terminal: a line per claim and setting."""
    return "\n".join(
        f"{row['claim']:25} {row['verdict']:21} n = {row['n']}  {_tested_on(row)}"
        f"\n{'':25} {row['says']}" + f"\n{'':25} {_effect(row)}" * bool(_effect(row))
        for row in table.to_dict("records")
    )


def _tested_on(row: dict[Hashable, Any]) -> str:
    if pd.isna(row["dataset"]):
        return ""
    parts = [str(row["dataset"])]
    parts += [f"{row['size']:g} px"] * pd.notna(row["size"])
    parts += [f"{row['ipc']} per class"] * pd.notna(row["ipc"])
    parts += [f"{row['epochs']:g} epochs"] * pd.notna(row["epochs"])
    return ", ".join(parts)


def _effect(row: dict[Hashable, Any]) -> str:
    if pd.isna(row["effect"]):
        return ""
    digits = 1 if row["unit"] != "nats" else 3
    sign = "+" if row["unit"] in ("points", "nats") else ""
    text = f"{row['measured']}: {row['effect']:{sign}.{digits}f}"
    if pd.notna(row["low"]):
        text += f" ({row['low']:.{digits}f} to {row['high']:.{digits}f})"
    return f"{text} {row['unit']}"
