"""Whether the plan came first: what git says of each line at the commits that its rows name."""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ..study.grid.campaign import Line
from ..study.grid.terms import CHANCE, terms_of
from ..study.verdicts.effects import Absent, rows_of_term

_PLANNED, _ABSENT = "planned before its rows", "not yet in the plan"


def evidence_check(lines: Sequence[Line], plan: Path) -> int:
    """Print whether the plan as it stood when a row was made already had the line, unchanged.

    Rows that lines share, such as a baseline's, may be older than the line, as long as no effect of
    it could be computed from them.

    Args:
        lines: of the plan. plan: its file, in a git repository.

    Returns:
        0; 1 if a line has rows that were made before it was committed.

    Raises:
        ValueError: the commits of the rows are not there to be looked at.
    """
    late = begun = 0
    _check_history({commit for line in lines for commit in _commits(line)}, plan)
    text = plan.read_text()  # not as committed: what is judged is what the file says
    for line in lines:
        rows = line.rows()
        now = _line_in(text, line.key)
        named = _commits(line)
        states = {commit: _state(commit, line.key, plan, now) for commit in named.unique()}
        early = rows.loc[named.index[named.map(states) == _ABSENT]]
        seen = [effect for effect in line.effects if _measurable(early, effect)]
        wrong = {said for said in states.values() if said not in (_PLANNED, _ABSENT)}
        wrong |= {f"{effect!r} could be measured before it was planned" for effect in seen}
        late += bool(wrong)
        begun += bool(states)
        none = "no rows yet" if rows.empty else "not known"
        said = "; ".join(sorted(wrong)) or (_PLANNED if states else none)
        shared = f"; {len(early)} of {len(rows)} rows are an earlier line's" * bool(len(early))
        dirty = int(named.astype(str).str.endswith("-dirty").sum())
        beside = f"; {dirty} of {len(rows)} rows beside uncommitted changes" * bool(dirty)
        unnamed = len(rows) - len(named)
        without = f"; {unnamed} of {len(rows)} rows name no commit" * bool(unnamed)
        print(f"{line.key}: {said}{shared}{beside}{without}")
    on_time = f"{begun - late} of {begun} lines whose rows name a commit were planned before them"
    print(f"evidence: {on_time}; {len(lines) - begun} have no such rows")
    return int(late > 0)


def is_changed(plan: Path) -> bool:
    """Whether the plan differs from its last commit or has none, as far as git can say."""
    try:
        return bool(_git(plan, "status", "--porcelain", "--", plan.name).stdout)
    except OSError:  # without git, RDC_COMMIT has said what this is
        return False


def _git(plan: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *words], cwd=plan.parent, capture_output=True, text=True)


def _commits(line: Line) -> pd.Series:
    """Of the plan's history, as far as rows name them."""
    rows = line.rows()
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
            raise ValueError(
                f"commit {commit}, by which rows were made, is not in this clone's history: fetch "
                "all of it (git fetch --unshallow), then check again"
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


def _state(commit: str, key: str, plan: Path, now: dict[str, Any] | None) -> str:
    name = commit.removesuffix("-dirty")
    then = _line_at(name, key, plan)
    if then is None:
        return _ABSENT
    if now is not None and then != now:
        return f"changed since {name} made rows of it"
    return _PLANNED


def _line_at(commit: str, key: str, plan: Path) -> dict[str, Any] | None:
    """A line of the plan with its setting, as a commit has it; None if it does not."""
    found = _git(plan, "show", f"{commit}:./{plan.name}")
    return None if found.returncode else _line_in(found.stdout, key)


def _line_in(text: str, key: str) -> dict[str, Any] | None:
    """A line with its setting, as the text of a plan has it; None if it does not."""
    content = tomllib.loads(text)
    line = next((line for line in content.get("line", []) if line.get("key") == key), None)
    return line and line | {"setting": content["setting"][line["setting"]]}
