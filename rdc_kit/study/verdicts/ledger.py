"""The ledger: what was found of each claim, planned lines with a verdict, all else without one."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import pandas as pd

from ...ground.names import in_markdown
from ...train.labels import stored_bytes
from ..grid.campaign import Line
from ..grid.planfile import read_plan
from .claims import CLAIMS, SHOWN, Claim
from .effects import Absent, effect_by_seed
from .metrics import counter_example
from .planned import judge_lines
from .stats import mean_interval
from .tables import SETTING, Tables

COLUMNS = [
    *("claim", "says", "line", *SETTING, "effect", "least", "anchor", "unit", "mean"),
    *("low", "high", "low_images", "high_images", "n", "planned", "verdict", "change", "table"),
]
MARK = "<!-- ledger -->"
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
    table = pd.DataFrame(rows, columns=COLUMNS)
    anchorless = (table["claim"] == "anchor") & (table["verdict"] == "not tested")
    return table[~anchorless].reset_index(drop=True)


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


def as_markdown(table: pd.DataFrame) -> str:
    """Rows of the ledger as a Markdown table, with a link in each to the cells that show it."""
    lines = [
        "| claim | says | effect | on | 95 % over replicates | over test images | n | verdict "
        "| what would change it |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in table.to_dict("records"):
        link = row["claim"]
        if row["table"] in SHOWN:  # a question of the plan's own has no cells
            notebook, heading = SHOWN[row["table"]]
            link = f"[{row['claim']}]({notebook}.ipynb#{heading.replace(' ', '-')})"
        images = interval(row, "low_images", "high_images")
        cells = [link, row["says"], row["effect"], tested_on(row), found(row), images]
        cells += [_count(row), row["verdict"], row["change"]]
        lines.append(_line("" if pd.isna(cell) else cell for cell in cells))
    return "\n".join(lines)


def decided(table: pd.DataFrame) -> str:
    """What was planned and is complete, as a short Markdown table, and how much is pending."""
    planned = table[table["planned"].notna()]
    done = planned[~planned["verdict"].str.startswith("pending")]
    left = f"{len(done)} of {len(planned)} planned effects are measured; the others are pending."
    return f"{_short(done)}\n\n{left}"


def so_far(*claims: str) -> str:
    """What was planned of some claims and has replicates, complete or not, as Markdown tables.

    Where nothing of it has been measured, the claims are said.

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
    table = pd.DataFrame([row for row in rows if wanted(str(row["claim"]))], columns=COLUMNS)
    there = table[table["n"] > 1]
    left = f"{len(there)} of {len(table)} planned effects have two replicates or more."
    if len(there):
        return f"{_short(there)}\n\n{left}"
    asked = table.drop_duplicates("claim")
    said = [f"- {c}: {says}" for c, says in zip(asked["claim"], asked["says"], strict=True)]
    return "\n".join([*said, "", left])


def _short(table: pd.DataFrame) -> str:
    """A table per setting: a row per claim and effect, a column per number of images per class."""
    settings: dict[str, list[dict[Hashable, Any]]] = {}
    for row in table.to_dict("records"):
        settings.setdefault(tested_on(row | {"ipc": None}), []).append(row)
    parts = [f"**{in_markdown(where)}**\n\n{_by_room(rows)}" for where, rows in settings.items()]
    return "\n\n".join(parts)


def _by_room(rows: list[dict[Hashable, Any]]) -> str:
    """The table of one setting; a claim is told once, beside the first of its effects."""
    cells: dict[tuple[str, str], dict[float, list[str]]] = {}
    for row in rows:
        key = (f"{row['claim']}: {row['says']}", f"`{row['effect']}`, {row['unit']}")
        # Several numbers stand in the effect itself: `pca#10 - random#11`.
        room = math.inf if isinstance(row["ipc"], str) else row["ipc"]
        cells.setdefault(key, {}).setdefault(room, []).append(_cell(row))
    rooms = sorted(set().union(*cells.values()))
    titles = ["several (after #)" if room == math.inf else f"{room:g} per class" for room in rooms]
    heads = ["claim", "effect", *titles]
    lines, told = [_line(heads), _line(["---"] * len(heads))], ""
    for (claim, effect), by_room in cells.items():
        shown = ["; ".join(by_room.get(room, [])) for room in rooms]
        lines.append(_line([claim if claim != told else "", effect, *shown]))
        told = claim
    return "\n".join(lines)


def _cell(row: dict[Hashable, Any]) -> str:
    """Mean, half of its interval, n and verdict of a planned row."""
    half = "" if pd.isna(row["high"]) else f" ± {row['high'] - row['mean']:.{_digits(row)}f}"
    told = f", published {row['anchor']:g}" if row["anchor"] > 0 else ""
    number, count = f"{_number(row, 'mean')}{half}", f"n = {row['n']}"
    return f"{_unbroken(number)}{told}, {_unbroken(count)}: {row['verdict']}"


def _unbroken(text: str) -> str:
    """No line of a narrow column ends inside it."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def _line(cells: Iterable[Any]) -> str:
    return "| " + " | ".join(map(in_markdown, cells)) + " |"


def put_into(text: str, told: str) -> str:
    """A Markdown text with what stands between its two marks of the ledger replaced.

    Raises:
        ValueError: the marks are missing.
    """
    parts = text.split(MARK)
    if len(parts) != 3:
        raise ValueError(f"the text needs two lines {MARK!r}: the ledger goes between them")
    return f"{parts[0]}{MARK}\n{told}\n{MARK}{parts[2]}"


def as_text(table: pd.DataFrame) -> str:
    """The ledger for a terminal: each claim, and a line or two per row of it."""
    parts = []
    for (claim, says), rows in table.groupby(["claim", "says"], sort=False):
        parts.append(f"{claim}: {says}")
        for row in rows.to_dict("records"):
            parts.append(f"    {row['verdict']:20} n = {_count(row):8} {tested_on(row)}")
            if pd.notna(row["effect"]):
                parts.append(f"    {'':20} {row['effect']}{': ' * bool(found(row))}{found(row)}")
    return "\n".join(parts)


def tested_on(row: dict[Hashable, Any]) -> str:
    """Dataset, size, room, length and network of a row."""
    if pd.isna(row["dataset"]):
        return ""
    forms = {"size": "{:g} px", "ipc": "{:g} per class", "epochs": "{:g} epochs", "student": "{}"}
    if isinstance(row["ipc"], str):  # several
        forms["ipc"] = "{} per class"
    known = [form.format(row[key]) for key, form in forms.items() if pd.notna(row[key])]
    return ", ".join([str(row["dataset"]), *known])


def found(row: dict[Hashable, Any]) -> str:
    """Mean, interval and unit; for an anchor the published number too."""
    if pd.isna(row["mean"]):
        return ""
    text = f"{_number(row, 'mean')} {interval(row, 'low', 'high')}".strip()
    told = f", published {row['anchor']:g}" if row["anchor"] > 0 else ""
    return f"{text} {row['unit']}{told}"


def interval(row: dict[Hashable, Any], low: str, high: str) -> str:
    """An interval in parentheses, "" where there is none."""
    if pd.isna(row[low]):
        return ""
    return f"({_number(row, low)} to {_number(row, high)})"


def _number(row: dict[Hashable, Any], key: str) -> str:
    sign = "+" if row["unit"] in ("points", "nats", "of a class") else ""
    return f"{row[key]:{sign}.{_digits(row)}f}"


def _digits(row: dict[Hashable, Any]) -> int:
    return 1 if row["unit"] in ("points", "% right", "% of images") else 3


def _count(row: dict[Hashable, Any]) -> str:
    return str(row["n"]) if pd.isna(row["planned"]) else f"{row['n']} of {row['planned']:.0f}"
