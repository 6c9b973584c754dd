"""Whether a notebook run did what its notebook names: grids, tables and figures, all of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ..study.figures import base
from .answers import is_exercise

if TYPE_CHECKING:
    from .runs import Run

_MADE = re.compile(r"run\.(?:experiment|table|figure)\(\s*\"(\w+)\"")


def missing_from(run: Run) -> list[str]:
    """What a run has not done: a phrase for each; empty where its work is complete."""
    outputs = {*run.tables, *run.figures}
    expected = set(_MADE.findall(_code(run.source)))
    missing = [
        f"{name!r} was not made"
        for name in sorted(expected | {*run.experiments})
        if name not in outputs
    ]
    for name, experiment in run.experiments.items():
        table, trials = run.tables.get(name), experiment.trials
        if table is None:
            continue
        if len(table) != len(trials):
            missing.append(f"table {name!r} has {len(table)} rows instead of {len(trials)}")
        elif table["steps"].sum() < sum(trial.protocol.epochs for trial in trials):
            missing.append(f"table {name!r} has fewer optimiser steps than epochs")
    missing += [f"table {name!r} is empty" for name, t in run.tables.items() if t.empty]
    missing += [
        f"figure {name!r} was not saved"
        for name, path in run.figures.items()
        if not base.figure_is_whole(path)
    ]
    return missing or ([] if outputs else ["no table and no figure was made"])


def _code(path: Path) -> str:
    """All code of a notebook but the reader's exercises; "" where there is no such file."""
    cells = json.loads(path.read_text())["cells"] if path.is_file() else []
    code = (c for c in cells if c["cell_type"] == "code" and not is_exercise(c))
    return "\n".join("".join(c["source"]) for c in code)
