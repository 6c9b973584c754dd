"""`rdc evidence`: the campaign behind the verdicts; what is planned, done and missing, and more."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pandas as pd

from ..data.imagesets import DataError
from ..ground import store
from ..ground.folders import checkout
from ..ground.names import check_known
from ..ground.progress import human_time
from ..study.analyses.entropy_rows import make_entropy_rows
from ..study.grid.campaign import Line, exploratory
from ..study.grid.making import changed_arm, make_rows
from ..study.grid.planfile import PLAN, plan_path, read_plan
from ..study.grid.rowfiles import read_rows
from ..study.grid.schedule import Work, work_through
from ..study.grid.setups import Trial
from ..study.grid.workers import workers_from
from ..study.verdicts.asked import ask_rows
from ..study.verdicts.ledger_text import with_bar
from ..study.verdicts.planned import judge_lines
from .evidence_again import evidence_again
from .evidence_check import changed_since, evidence_check
from .plan_history import is_changed


def evidence(
    minutes: float = 0.0,
    *,
    keys: Sequence[str] = (),
    workers: str | int = "auto",
    check: bool = False,
    again: bool = False,
    ask: Sequence[str] = (),
    folder: Path | None = None,
) -> int:
    """Show the plan; with `minutes`, measure the most valuable missing rows first.

    Args:
        minutes: of work; nothing is begun that would not fit, by what such rows took before and by
            the scoring runs and teachers that are missing.
        keys: only these lines; of one priority the first named is the first made.
        workers: processes, each making another replicate; "auto" is one per core, as far as the
            memory allows, and on a GPU one.
        check: say for every line whether it was committed before its first row.
        again: make finished rows again on this machine instead, see `evidence_again`.
        ask: print these effects of the rows that are there instead, see `ask_rows`.
        folder: with a plan.toml of one's own, beside which its rows are kept; the kit's committed
            evidence when left out.

    Returns:
        0; 1 if a replicate could not be made or a worker died, and for a check if a line has rows
        that were made before it was committed.

    Raises:
        ValueError: an unknown line, a wrong plan or number of workers, minutes for what measures
            nothing, or git does not say what rows would be made by.
    """
    workers_from(workers)
    if minutes > 0 and (check or ask):
        raise ValueError("--check and --ask measure nothing: leave out --minutes, or call it twice")
    if minutes <= 0 and workers != "auto":
        raise ValueError(f"--workers {workers} measures nothing without --minutes: leave it out")
    plan = plan_path(folder)
    own, lines = plan != plan_path(), read_plan(plan)
    chosen = _chosen(lines, keys)
    if ask:
        return _ask(chosen, ask)
    if check and not own and checkout() is None:
        raise ValueError("--check reads the plan's history: run it in a clone of the repository")
    if check:
        return evidence_check(chosen, plan)
    if minutes > 0:
        _check_commit(plan if own else None)
    if again:
        return evidence_again(chosen, minutes, workers)
    _tell_uncommitted(lines, plan)
    work = Work(chosen, 60 * minutes, _make, as_given=bool(keys))
    whole = minutes <= 0 or work_through(work, workers)
    _show_plan(chosen, lines, plan.parent)
    return 0 if whole else 1


def _chosen(lines: list[Line], keys: Sequence[str]) -> list[Line]:
    """The lines that are asked for, in that order; all if none is named."""
    known = {line.key: line for line in lines}
    for key in keys:
        check_known("line", key, known)
    return [known[key] for key in dict.fromkeys(keys)] or lines


def _ask(lines: list[Line], effects: Sequence[str]) -> int:
    """Print effects in a line's setting, see `ask_rows`: no verdicts, for nobody planned them."""
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


def _show_plan(chosen: list[Line], lines: list[Line], folder: Path) -> None:
    """The chosen of all lines, each setting's note before its first one, and what is left."""
    read = cache(read_rows)  # each file once
    rows_of = {line.key: line.rows(read) for line in lines}
    table = judge_lines(lines, rows_of)
    missing = {line.key: len(line.missing(rows_of[line.key])) for line in lines}
    told = set[str]()
    for line in chosen:
        if line.setting.note and line.setting.name not in told:
            print(f"{line.setting.name}: {line.setting.note}")
        told.add(line.setting.name)
        _show(line, missing[line.key], table[table["line"] == line.key])
    for path, count in exploratory(lines, rows_of).items():
        print(f"{path.name}: {count} rows of no line (exploratory) or made twice: not judged")
    done = list(missing.values()).count(0)
    print(f"evidence: {done} of {len(lines)} lines complete in {folder}")


def _show(line: Line, missing: int, judged: pd.DataFrame) -> None:
    total = len(line.trials)
    state = f"{total - missing} of {total} rows" if missing else "done"
    to_go = human_time(60 * line.minutes * missing / total)
    left = f", about {to_go} besides scoring runs and teachers" if missing else ""
    print(f"{line.key} ({', '.join(line.claims)}; priority {line.priority}): {state}{left}")
    for row in judged.to_dict("records"):
        found = ""
        if row["n"] > 1:
            found = f"{row['mean']:.2f} ({row['low']:.2f} to {row['high']:.2f}); "
        print(f"    {with_bar(row)}: {found}{row['verdict']}")
    if line.is_own and (arm := _changed_arm(line)):
        told = "by another version of your code than is here, and count as done"
        print(f"    rows of {arm!r} are {told}")
    if line.folder and (changed := changed_since(line, line.folder / PLAN)):
        print(f"    {changed}")


def _changed_arm(line: Line) -> str:
    """See `changed_arm`; "" where the line's images are not here."""
    try:
        return changed_arm(line)
    except DataError:
        return ""


def _make(line: Line, trials: list[Trial], workers: str | int) -> None:
    """Rows of the kind that the line asks for."""
    if line.measure == "entropy":
        make_entropy_rows(line, trials)
    else:
        make_rows(line, trials, workers)


def _check_commit(plan: Path | None) -> None:
    """Refuse to make rows of which nobody could say later whether they were planned before.

    A plan of one's own that is in no repository is told of, and may be worked on.
    """
    root, state = checkout(), store.git_state()
    if plan is not None:
        root = next((folder for folder in plan.parents if (folder / ".git").exists()), None)
        state = store.commit_of(plan)
    if root is not None and not state:
        last = "commit the plan" if plan else "set RDC_COMMIT to the commit that this is a copy of"
        raise ValueError(
            f"rows name a commit, and git gives none for {root}: install git, let it read the "
            f"folder (git config --global --add safe.directory {root}), or {last}"
        )


def _tell_uncommitted(lines: list[Line], plan: Path) -> None:
    """Say that rows of a plan that git does not know will be judged as unplanned."""
    told = ""
    if is_changed(plan):
        told = f"{plan.name} has changes that are not committed"
    elif any(line.is_own and not line.planned_at for line in lines):
        told = f"{plan} is not in a git repository"
    if told:
        print(
            f"{told}: commit it before rows are made, or --check cannot find it earlier than its "
            "rows",
            file=sys.stderr,
        )
