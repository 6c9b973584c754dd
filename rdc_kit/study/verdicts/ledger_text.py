"""The ledger as text: Markdown for a notebook, the book and the README, plain for a terminal."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator
from typing import Any

import pandas as pd

from ...ground.names import in_markdown
from .claims import SHOWN
from .ledger import by_plan, part_of_ledger

MARK = "<!-- ledger -->"


def as_markdown(table: pd.DataFrame) -> str:
    """Rows of the ledger as Markdown: of each claim a sentence and a table, see `by_claim`."""
    told = [f"**{name}**: {says}\n\n{rows}" for name, says, rows in by_claim(table)]
    return "\n\n".join(told)


def by_claim(table: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    """Rows of the ledger claim by claim, in the order in which claims first come.

    Yields:
        The claim's name; its sentence, with a link to the cells that show it, if there are any; its
        rows as a Markdown table, verdicts beside the effects, without columns that say nothing.
    """
    heads = ["effect", "verdict", "on", "95 % over replicates", "over test images", "n"]
    for (claim, says), rows in table.groupby(["claim", "says"], sort=False):
        place = _cells_of(rows["table"].iloc[0])
        link = f" ([the cells that show it]({place}))" if place else ""
        lines = []
        for row in rows.to_dict("records"):
            images = _unbroken(interval(row, "low_images", "high_images"))
            mean, end, unit = found(row).partition(")")  # with its interval on one line
            mean = f"{_unbroken(mean)}{end}{unit}"
            cells = [with_bar(row), row["verdict"], tested_on(row), mean, images]
            cells += [_unbroken(_count(row)), row["change"]]
            lines.append(["" if pd.isna(cell) else cell for cell in cells])
        titles = [*heads, "what would change it"]
        told = [k for k in range(len(titles)) if any(line[k] for line in lines)]
        body = [titles, ["---"] * len(titles), *lines]
        shown = "\n".join(_line(line[k] for k in told) for line in body)
        yield in_markdown(claim), f"{in_markdown(says)}{link}", shown


def _cells_of(table: str) -> str:
    """The place of the cells that show a table of a notebook, as a link leads there; or ""."""
    if table not in SHOWN:
        return ""
    notebook, heading = SHOWN[table]
    return f"{notebook}.ipynb#{heading.replace(' ', '-')}"


def decided(table: pd.DataFrame) -> str:
    """What was planned and is complete, as a short Markdown table, and how much is pending."""
    measured, pending, _ = by_plan(table)
    planned = len(measured) + len(pending)
    left = f"{len(measured)} of {planned} planned effects are measured; the others are pending."
    return f"{_short(measured)}\n\n{left}"


def so_far(*claims: str) -> str:
    """What was planned of some claims and has replicates, complete or not, as Markdown tables.

    Claims of which nothing has been measured are said.

    Args:
        claims: keys; "C5" takes "C5, hardest" too.
    """
    table = part_of_ledger(*claims)
    there = table[table["n"] > 1]
    waiting = table[~table["claim"].isin(there["claim"])].drop_duplicates("claim")
    said = [f"{c} ({says})" for c, says in zip(waiting["claim"], waiting["says"], strict=True)]
    parts = [_short(there)] * bool(len(there)) + [f"Pending: {'; '.join(said)}."] * bool(said)
    left = f"{len(there)} of {len(table)} planned effects have two replicates or more."
    return "\n\n".join([*parts, left])


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
        key = (f"{row['claim']}: {row['says']}", f"`{row['effect']}`, {row['unit']}{_bar(row)}")
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
                parts.append(f"    {'':20} {with_bar(row)}{': ' * bool(found(row))}{found(row)}")
    return "\n".join(parts)


def with_bar(row: dict[Hashable, Any]) -> str:
    """An effect, and what it must exceed to hold, where that is another number than 0."""
    return "" if pd.isna(row["effect"]) else f"{row['effect']}{_bar(row)}"


def _bar(row: dict[Hashable, Any]) -> str:
    judged = pd.notna(row["least"]) and not row["anchor"] > 0  # an anchor must be near its number
    return f", must exceed {row['least']:g}" if judged and row["least"] else ""


def tested_on(row: dict[Hashable, Any]) -> str:
    """Dataset, size, room, length and network of a row, and what is unusual in it."""
    if pd.isna(row["dataset"]):
        return ""
    forms = {"size": "{:g} px", "ipc": "{:g} per class", "epochs": "{:g} epochs", "student": "{}"}
    if isinstance(row["ipc"], str):  # several
        forms["ipc"] = "{} per class"
    known = [form.format(row[key]) for key, form in forms.items() if pd.notna(row[key])]
    return ", ".join([str(row["dataset"]), *known, *unusual(row)])


def unusual(row: dict[Hashable, Any]) -> list[str]:
    """Whether crops were chosen, and labels soft, where the effect itself does not say it."""
    soft = row["labels"] == "soft" and "@" not in row["effect"]
    return ["soft labels"] * soft + ["crop chosen"] * bool(row["crops"])


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
