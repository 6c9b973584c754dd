"""The ledger: what was found of each claim, planned lines with a verdict, all else without one."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import pandas as pd

from ...train.labels import stored_bytes
from ..grid.campaign import Line
from ..grid.planfile import read_plan
from .claims import CLAIMS, Claim
from .effects import Absent, effect_by_seed
from .metrics import counter_example
from .planned import judge_lines
from .stats import mean_interval
from .tables import SETTING, Tables

COLUMNS = [
    *("claim", "says", "line", *SETTING, "effect", "least", "anchor", "unit", "mean"),
    *("low", "high", "low_images", "high_images", "n", "planned", "verdict", "change", "table"),
    *("labels", "crops"),
]
_OWN = "a question of the plan's own"
DEMONSTRATION = "digits"  # the set to play with: 8 px scaled up, and no claim is about it


def ledger(results: Tables, lines: Sequence[Line] | None = None) -> pd.DataFrame:
    """Every claim: planned lines with their verdicts, then all other results without one.

    Args:
        results: tables of notebooks, which nobody planned, so they decide nothing; and the plan
            that goes with them. With a plan of one's own only what it asks is told.
        lines: of another plan.

    Returns:
        A row per claim, effect and setting, columns COLUMNS. verdict is what `judge_lines` says of
        a planned line; "exploratory", "demonstration" (digits) or "smoke" (the profile) for other
        results; "by arithmetic" and "not tested". low, high: 95 % t-interval over replicates.
        labels, crops: of a planned line, see `judge_lines`.
    """
    lines = results.planned() if lines is None else list(lines)
    planned = [_planned(row) for row in judge_lines(lines).to_dict("records")]
    if results.is_own:
        return pd.DataFrame(planned, columns=COLUMNS)
    rows = []
    for claim in CLAIMS:
        mine = [row for row in planned if row["claim"] == claim.key]
        mine += found_in(claim, results)
        rows += mine or [_facts(claim) | {"verdict": "not tested", "n": 0}]
    keys = {claim.key for claim in CLAIMS}
    rows += [row for row in planned if row["claim"] not in keys]
    rows.insert(_place_of("C14", rows), _worked_example())
    rows.insert(_place_of("C16", rows), _price_of_labels())
    table = pd.DataFrame([{"crops": ""} | row for row in rows], columns=COLUMNS)
    anchorless = (table["claim"] == "anchor") & (table["verdict"] == "not tested")
    return table[~anchorless].reset_index(drop=True)


def by_plan(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Rows of the ledger: planned and measured, planned and pending, and those nobody planned."""
    planned, pending = table["planned"].notna(), table["verdict"].str.startswith("pending")
    return table[planned & ~pending], table[planned & pending], table[~planned]


def _planned(row: dict[Hashable, Any]) -> dict[str, object]:
    """A judged line as a row of the ledger, under the claim that its effect is a test of.

    What a line asks that is no claim of the paper is a claim of its own, by the line's word.
    """
    asked = row["claims"].split("; ")
    candidates = [c for c in CLAIMS if any(_takes(a, c.key) for a in asked)]
    tested = [c for c in CLAIMS if row["effect"] in c.effects]
    # A claim without effects of its own takes what its lines ask; a line may ask of others too.
    known = [c for c in candidates if c in tested or not c.effects]
    own = [a for a in asked if not any(_takes(a, c.key) for c in CLAIMS)]
    known = known or [Claim(key, _OWN, "") for key in own] or tested or candidates
    claim = next((c for c in known if c.key == asked[0]), known[0])
    unit = {"unit": row["unit"] or claim.unit}
    return _facts(claim) | {str(k): v for k, v in row.items() if k in COLUMNS} | unit


def _takes(asked: str, key: str) -> bool:
    """Whether a claim is asked for: "C5" takes "C5, hardest" too."""
    return key == asked or key.startswith(f"{asked},")


def found_in(claim: Claim, results: Tables) -> list[dict[str, object]]:
    """A ledger row for every effect of a claim in every setting that has results."""
    rows = []
    for group in results.groups(claim.table):
        if "ipc" in group and group["ipc"].max() < claim.ipc_from:
            continue
        for effect in claim.effects:
            try:
                values = effect_by_seed(group, effect, claim.value)
            except Absent:
                continue
            if values.empty or (values == 0).all():  # equal runs measure nothing
                continue
            setting = {key: group[key].iloc[0] for key in SETTING if key in group}
            setting |= {"ipc": group["ipc"].max()} if "ipc" in group else {}  # some arms store less
            measured = (*mean_interval(values.to_numpy()), len(values))
            numbers = dict(zip(("mean", "low", "high", "n"), measured, strict=True))
            facts = _facts(claim) | setting | numbers
            rows.append(facts | {"effect": effect, "verdict": _not_planned(setting)})
    return rows


def _not_planned(setting: dict[str, Any]) -> str:
    if setting.get("profile") == "smoke":
        return "smoke"
    return "demonstration" if setting["dataset"] == DEMONSTRATION else "exploratory"


def _facts(claim: Claim) -> dict[str, object]:
    facts = {"claim": claim.key, "says": claim.says, "unit": claim.unit}
    return facts | {"table": claim.table, "least": claim.least}


def _place_of(key: str, rows: list[dict[str, object]]) -> int:
    return next(k for k, row in enumerate(rows) if row["claim"] == key)


def _worked_example() -> dict[str, object]:
    """C14 needs one counter-example; this is one."""
    before, after = counter_example()[["NLL", "entropy"]].to_numpy()
    return {
        "claim": "C14, example",
        "says": "lower NLL does not imply lower entropy",
        "effect": f"NLL {after[0] - before[0]:+.3f}, and entropy",
        "mean": after[1] - before[1],
        "unit": "nats",
        "n": 0,
        "verdict": "by arithmetic",
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
        "effect": "fp16 answers of 300 epochs / the published 157 MB",
        "mean": labels / 157e6,
        "unit": "times",
        "n": 0,
        "verdict": "by arithmetic",
        "table": "07/price",
    }


def part_of_ledger(*claims: str) -> pd.DataFrame:
    """What is planned of some claims, as rows of the ledger.

    Args:
        claims: keys; "C5" takes "C5, hardest" too.
    """

    def wanted(key: str) -> bool:
        return any(_takes(claim, key) for claim in claims)

    lines = read_plan()
    families = {line.family for line in lines if any(map(wanted, line.claims))}
    # With the anchors: a claim fails only where one was reproduced.
    judged = judge_lines([line for line in lines if line.anchor or line.family in families])
    rows = [_planned(row) for row in judged.to_dict("records")]
    return pd.DataFrame([row for row in rows if wanted(str(row["claim"]))], columns=COLUMNS)
