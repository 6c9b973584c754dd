"""The last cell of every notebook: `finish` checks that its grids, tables and figures are made."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

from ..ground.manifests import replaced_by, write_manifest
from ..study.figures import saving
from .answers import is_exercise
from .runs import Run

_MADE = re.compile(r"run\.(?:experiment|table|figure)\(\s*\"(\w+)\"")


class Incomplete(RuntimeError):
    """The notebook ended without doing its work; the message says what is missing."""


def finish(run: Run) -> None:
    """Check that the work was done, then mark the run "ok" ("finished" under `rdc run`).

    Every experiment must have all its rows and steps, every figure must be on disk, and every
    table, experiment and figure that the notebook's code names must exist.

    Raises:
        Incomplete: something is missing, and the manifest says "failed"; or another run has begun
            in the folder meanwhile (the notebook in another tab), whose manifest is left as it is.
    """
    if replaced := replaced_by(run.folder, run.mark):
        raise Incomplete(
            f"this run of {run.name} is not marked as done, for {replaced}, in the same folder "
            f"({run.folder}): keep one kernel of it, and run all its cells again"
        )
    missing = _missing(run)
    steps = sum(int(t["steps"].sum()) for t in run.tables.values() if "steps" in t)
    seconds = round(time.monotonic() - run.began, 1)
    if missing:
        write_manifest(run.folder, "failed", error="; ".join(missing), seconds=seconds)
        raise Incomplete(f"{run.name} is not complete: {'; '.join(missing)}")
    work = {"rows": {n: len(t) for n, t in run.tables.items()}, "steps": steps}
    shown = {name: str(path) for name, path in run.figures.items()}
    # Under `rdc run` the last word is the runner's, once the executed notebook is in its place.
    status = "finished" if os.environ.get("RDC_RUN_DIR") else "ok"
    write_manifest(run.folder, status, seconds=seconds, work=work, figures=shown)
    print(f"{run.name}: ok, {steps:,} optimiser steps in its tables, {seconds:.0f} s in this run")


def _missing(run: Run) -> list[str]:
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
        if not saving.figure_is_whole(path)
    ]
    return missing or ([] if outputs else ["no table and no figure was made"])


def _code(path: Path) -> str:
    """All code of a notebook but the reader's exercises; "" where there is no such file."""
    cells = json.loads(path.read_text())["cells"] if path.is_file() else []
    code = (c for c in cells if c["cell_type"] == "code" and not is_exercise(c))
    return "\n".join("".join(c["source"]) for c in code)
