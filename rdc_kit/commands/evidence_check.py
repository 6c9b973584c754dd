"""Whether the plan came first: what git says of each line at the commits that its rows name."""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from ..study.grid.campaign import Line, kind_of
from ..study.grid.rowfiles import read_rows
from ..study.grid.terms import CHANCE, terms_of
from ..study.verdicts.effects import Absent, rows_of_term

_PLANNED, _ABSENT = "planned before its rows", "not yet in the plan"
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
    rows_of = {line.key: line.rows() for line in lines}
    named = {line.key: _commits(line, rows_of[line.key]) for line in lines}
    _check_history({name for commits in named.values() for name in commits}, plan)
    now = tomllib.loads(plan.read_text())  # not as committed: what is judged is what the file says
    for line in lines:
        rows, commits = rows_of[line.key], named[line.key]
        states = {commit: _state(commit, line, plan, now) for commit in commits.unique()}
        told = commits.map(states).reindex(rows.index)
        older = (told == _PLANNED) & _made_before(line, rows, plan, now)
        early = rows[(told == _ABSENT) | older]
        wrong = {said for said in states.values() if said not in (_PLANNED, _ABSENT)}
        wrong |= _seen(line, pd.concat([early, _twins(line, rows, plan, now)]))
        late += bool(wrong)
        begun += bool(states)
        none = "no rows yet" if rows.empty else "not known"
        said = "; ".join(sorted(wrong)) or (_PLANNED if states else none)
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


def _twins(line: Line, rows: pd.DataFrame, plan: Path, now: dict[str, Any]) -> pd.DataFrame:
    """Rows from before a line that are of its trials, but for how their crop was chosen."""
    others = read_rows(line.path).drop(rows.index)
    same = [name for name in (*_TRIED, "crop_low", "crop_high") if name in rows]
    if rows.empty or line.stamp not in others:
        return others.iloc[:0]
    mine = set(rows[same].itertuples(index=False, name=None))
    alike = [one in mine for one in others[same].itertuples(index=False, name=None)]
    twins = others[pd.Series(alike, others.index, dtype=bool)].dropna(subset=line.stamp)
    return twins[[_state(name, line, plan, now) == _ABSENT for name in twins[line.stamp]]]


def _made_before(line: Line, rows: pd.DataFrame, plan: Path, now: dict[str, Any]) -> pd.Series:
    """Which rows, as far as they say when, were finished before the line was as it is now.

    They may have been fetched: made by another command, and only written down by the plan.
    """
    none = pd.Series(False, rows.index)
    if "made" not in rows or rows["made"].isna().all():
        return none
    since = _planned_since(line.key, plan, _line_in(now, line.key))
    return pd.to_datetime(rows["made"], utc=True) < since if since else none


def _planned_since(key: str, plan: Path, wanted: dict[str, Any] | None) -> pd.Timestamp | None:
    """When the line came into the plan as it is now; None if no commit has it so."""
    since = None
    log = _git(plan, "log", "--format=%H %cI", "--", plan.name).stdout.split("\n")
    for commit, when in (entry.split() for entry in log if entry):
        if _line_in(_plan_at(commit, plan), key) != wanted:
            break
        since = pd.to_datetime(when, utc=True)
    return since


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
        states = [_state(commit, line, plan, now) for commit in _commits(line, rows).unique()]
    except OSError:  # there is no git
        return ""
    return "; ".join(sorted({said for said in states if said not in (_PLANNED, _ABSENT)}))


def is_changed(plan: Path) -> bool:
    """Whether the plan differs from its last commit or has none, as far as git can say."""
    try:
        return bool(_git(plan, "status", "--porcelain", "--", plan.name).stdout)
    except OSError:  # without git, RDC_COMMIT has said what this is
        return False


def _git(plan: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *words], cwd=plan.parent, capture_output=True, text=True)


def _commits(line: Line, rows: pd.DataFrame) -> pd.Series:
    """Of the plan's history, as far as rows name them."""
    return rows[line.stamp].dropna() if line.stamp in rows else pd.Series(dtype=str)


def _check_history(commits: set[str], plan: Path) -> None:
    """Refuse to judge by a history that is not there: every row would look unplanned."""
    try:
        inside = _git(plan, "rev-parse", "--is-inside-work-tree").returncode == 0
    except FileNotFoundError:
        raise ValueError("--check reads the plan's history by git: install it") from None
    if not inside:
        raise ValueError(
            f"--check reads the plan's history, and {plan.parent} has none: run it in a clone of "
            "the repository"
        )
    for commit in sorted(name.removesuffix("-dirty") for name in commits):
        if _git(plan, "cat-file", "-e", f"{commit}^{{commit}}").returncode:
            cut = _git(plan, "rev-parse", "--is-shallow-repository").stdout.strip() == "true"
            whole = "fetch all of it (git fetch --unshallow), then check again"
            gone = "it was rewritten, so fetch the branch that has it, or begin new lines"
            raise ValueError(
                f"commit {commit}, by which rows were made, is not in this clone's history: "
                f"{whole if cut else gone}"
            )


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


def _state(commit: str, line: Line, plan: Path, now: dict[str, Any]) -> str:
    """What the plan said of a line when a commit made rows."""
    name = commit.removesuffix("-dirty")
    content = _plan_at(name, plan)
    then = _line_in(content, line.key)
    if then is None:
        return _ABSENT
    if then != _line_in(now, line.key):
        return f"changed since {name} made rows of it"
    if lost := sorted(_family_in(content, line.family) - _family_in(now, line.family)):
        key, effect = lost[0]
        return f"its family has lost {effect!r} of {key} since {name} made rows of it"
    return _PLANNED


@cache
def _plan_at(commit: str, plan: Path) -> dict[str, Any]:
    """The plan as a commit has it; {} if it has none."""
    found = _git(plan, "show", f"{commit}:./{plan.name}")
    return {} if found.returncode else tomllib.loads(found.stdout)


def _line_in(content: dict[str, Any], key: str) -> dict[str, Any] | None:
    """A line of a plan with its setting, None if there is none; not what it says was known."""
    line = next((line for line in content.get("line", []) if line.get("key") == key), None)
    if line is None:
        return None
    rest = {name: value for name, value in line.items() if name != "known"}
    setting = content["setting"][line["setting"]]
    return rest | {"setting": setting | {"dataset": kind_of(setting["dataset"])}}


def _family_in(content: dict[str, Any], family: str) -> set[tuple[str, str]]:
    """The effects that a plan corrects together: key of the line, effect."""
    lines = [line for line in content.get("line", []) if line.get("family") == family]
    return {(line["key"], effect) for line in lines for effect in line["effects"]}
