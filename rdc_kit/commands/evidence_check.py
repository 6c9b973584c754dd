"""Whether the plan came first: each line at the commits that its rows name."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from ..study.grid.campaign import Line
from ..study.grid.rowfiles import read_rows
from ..study.grid.terms import CHANCE, terms_of
from ..study.verdicts.effects import Absent, rows_of_term
from .plan_history import ABSENT, PLANNED, check_history, planned_since, state_at

# What a trial is, but for how its crop was chosen.
_TRIED = ("arm", "budget", "protocol", "epochs", "student", "seed", "set_seed", "training_seed")


def evidence_check(lines: Sequence[Line], plan: Path) -> int:
    """Print whether the plan as it stood when a row was made already had the line, unchanged.

    Rows that lines share, such as a baseline's, may be older than the line, as long as no effect of
    it could be computed from them but in the replicates that the line says were known. Rows are
    shared, too, with a line that chose the very crop that is the usual one here.

    Args:
        lines: of the plan. plan: its file, in a git repository.

    Returns:
        0; 1 if a line has rows that were made before it was committed.

    Raises:
        ValueError: the commits of the rows are not there to be looked at.
    """
    late = begun = 0
    read = cache(read_rows)  # each file once
    rows_of = {line.key: line.rows(read) for line in lines}
    named = {line.key: _commits(line, rows_of[line.key]) for line in lines}
    check_history({name for commits in named.values() for name in commits}, plan)
    now = tomllib.loads(plan.read_text())  # not as committed: what is judged is what the file says
    for line in lines:
        rows, commits = rows_of[line.key], named[line.key]
        states = {commit: state_at(commit, line, plan, now) for commit in commits.unique()}
        told = commits.map(states).reindex(rows.index)
        older = (told == PLANNED) & _made_before(line, rows, plan, now)
        early = rows[(told == ABSENT) | older]
        wrong = {said for said in states.values() if said not in (PLANNED, ABSENT)}
        wrong |= _seen(line, pd.concat([early, _twins(line, rows, read(line.path), plan, now)]))
        late += bool(wrong)
        begun += bool(states)
        none = "no rows yet" if rows.empty else "not known"
        said = "; ".join(sorted(wrong)) or (PLANNED if states else none)
        print(f"{line.key}: {said}{_beside(line, len(rows), commits, len(early))}")
    on_time = f"{begun - late} of {begun} lines whose rows name a commit were planned before them"
    print(f"evidence: {on_time}; {len(lines) - begun} have no such rows")
    return int(late > 0)


def _seen(line: Line, early: pd.DataFrame) -> set[str]:
    """The effects that rows from before the line tell, besides what it says was known."""
    found = set()
    for effect in line.effects:
        rest = early[early["seed"] >= line.known_of(effect) * line.trainings]
        if _measurable(rest, effect):
            found.add(f"{effect!r} could be measured before it was planned")
    return found


def _twins(
    line: Line, rows: pd.DataFrame, whole: pd.DataFrame, plan: Path, now: dict[str, Any]
) -> pd.DataFrame:
    """Rows of the whole file from before a line, of its trials but for how the crop was chosen."""
    others = whole[whole["arm"].isin(rows["arm"])].drop(rows.index)
    same = [name for name in (*_TRIED, "crop_low", "crop_high") if name in rows]
    if rows.empty or line.stamp not in others:
        return others.iloc[:0]
    mine = set(rows[same].itertuples(index=False, name=None))
    alike = [one in mine for one in others[same].itertuples(index=False, name=None)]
    twins = others[pd.Series(alike, others.index, dtype=bool)].dropna(subset=line.stamp)
    return twins[[state_at(name, line, plan, now) == ABSENT for name in twins[line.stamp]]]


def _made_before(line: Line, rows: pd.DataFrame, plan: Path, now: dict[str, Any]) -> pd.Series:
    """Which rows, as far as they say when, were finished before the line was as it is now.

    They may have been fetched: made by another command, and only written down by the plan.
    """
    none = pd.Series(False, rows.index)
    if "made" not in rows or rows["made"].isna().all():
        return none
    since = planned_since(line, plan, now)
    return pd.to_datetime(rows["made"], utc=True) < since if since else none


def _beside(line: Line, count: int, commits: pd.Series, early: int) -> str:
    """What is to be said of a line beside its verdict."""
    told = [f"{early} of {count} rows are an earlier line's"] * bool(early)
    for effect, known in zip(line.effects, line.known, strict=False):
        told += [f"{known} replicates of {effect!r} were known, and do not count"] * bool(known)
    dirty = int(commits.str.endswith("-dirty").sum())
    told += [f"{dirty} of {count} rows beside uncommitted changes"] * bool(dirty)
    unnamed = count - len(commits)
    told += [f"{unnamed} of {count} rows name no commit"] * bool(unnamed)
    return "".join(f"; {one}" for one in told)


def changed_since(line: Line, plan: Path) -> str:
    """What of a line is not as it was when its rows were made, in words; "" where git knows none.

    Args:
        line: of the plan. plan: its file.
    """
    rows, now = line.rows(), tomllib.loads(plan.read_text())
    try:
        states = [state_at(commit, line, plan, now) for commit in _commits(line, rows).unique()]
    except OSError:  # there is no git
        return ""
    return "; ".join(sorted({said for said in states if said not in (PLANNED, ABSENT)}))


def _commits(line: Line, rows: pd.DataFrame) -> pd.Series:
    """Of the plan's history, as far as rows name them."""
    return rows[line.stamp].dropna() if line.stamp in rows else pd.Series(dtype=str)


def _measurable(rows: pd.DataFrame, effect: str) -> bool:
    """Whether every term of an effect has rows; the best value of an option needs two values.

    What guessing comes to needs none.
    """
    terms = [term for term in terms_of(effect) if term.arm != CHANCE]
    try:
        found = [(rows_of_term(rows, term), term.best) for term in terms]
    except Absent:
        return False
    return all(len(part) and (not best or part[best].nunique() > 1) for part, best in found)
