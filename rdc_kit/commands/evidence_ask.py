"""`rdc evidence --ask`: what the campaign's rows say of a question that no line has."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ..study.grid.campaign import Line
from ..study.verdicts.asked import ask_rows


def evidence_ask(lines: Sequence[Line], effects: Sequence[str]) -> int:
    """Print effects with their intervals; they are no verdicts, for nobody planned them.

    Args:
        lines: the one whose setting is asked. effects: see `ask_rows`.

    Raises:
        ValueError: another number of lines, or see `ask_rows`.
    """
    if len(lines) != 1:
        raise ValueError("--ask takes the setting and the rest from a line: name one, --line KEY")
    for row in ask_rows(lines[0], effects).to_dict("records"):
        p = "" if pd.isna(row["p"]) else f", p = {row['p']:.2g}"
        shared = f", for {row['frozen']}" * bool(row["frozen"])
        found = f"{row['mean']:.2f} ({row['low']:.2f} to {row['high']:.2f}) {row['unit']}".strip()
        print(f"{row['effect']}: {found}, n = {row['n']}{p}{shared}")
    if note := lines[0].setting.note:
        print(f"{lines[0].setting.name}: {note}")
    print("exploratory: nobody planned these, and p is corrected for nothing")
    return 0
