"""The history of a plan: what git says that a line was at a commit, and since when."""

from __future__ import annotations

import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from ..study.grid.campaign import Line, kind_of

PLANNED, ABSENT = "planned before its rows", "not yet in the plan"


def state_at(commit: str, line: Line, plan: Path, now: dict[str, Any]) -> str:
    """What the plan said of a line when a commit made rows.

    Args:
        commit: as a row names it, "-dirty" at its end or not. line: of the plan.
        plan: its file, in a git repository. now: what the file says today.

    Returns:
        PLANNED, ABSENT, or what has changed since.
    """
    name = commit.removesuffix("-dirty")
    content = _plan_at(name, plan)
    then = _line_in(content, line.key)
    if then is None:
        return ABSENT
    if then != _line_in(now, line.key):
        return f"changed since {name} made rows of it"
    if lost := sorted(_family_in(content, line.family) - _family_in(now, line.family)):
        key, effect = lost[0]
        return f"its family has lost {effect!r} of {key} since {name} made rows of it"
    return PLANNED


@cache
def _plan_at(commit: str, plan: Path) -> dict[str, Any]:
    """The plan as a commit has it; {} if it has none that can be read."""
    found = _git(plan, "show", f"{commit}:./{plan.name}")
    try:
        return {} if found.returncode else tomllib.loads(found.stdout)
    except tomllib.TOMLDecodeError:
        return {}


def _line_in(content: dict[str, Any], key: str) -> dict[str, Any] | None:
    """A line of a plan with its setting, None if there is none; not what it says was known."""
    lines: list[dict[str, Any]] = content.get("line", [])
    line = next((line for line in lines if line.get("key") == key), {})
    setting = content.get("setting", {}).get(line.get("setting"))
    if setting is None:  # and a line without its setting was no plan yet
        return None
    rest = {name: value for name, value in line.items() if name != "known"}
    return rest | {"setting": setting | {"dataset": kind_of(setting.get("dataset", ""))}}


def _family_in(content: dict[str, Any], family: str) -> set[tuple[str, str]]:
    """The effects that a plan corrects together: key of the line, effect."""
    lines = [line for line in content.get("line", []) if line.get("family") == family]
    return {(line["key"], effect) for line in lines for effect in line.get("effects", [])}


def planned_since(line: Line, plan: Path, now: dict[str, Any]) -> pd.Timestamp | None:
    """When the line came into the plan as it is now; None if no commit has it so."""
    since, wanted = None, _line_in(now, line.key)
    log = _git(plan, "log", "--format=%H %cI", "--", plan.name).stdout.split("\n")
    for commit, when in (entry.split() for entry in log if entry):
        if _line_in(_plan_at(commit, plan), line.key) != wanted:
            break
        since = pd.to_datetime(when, utc=True)
    return since


def is_changed(plan: Path) -> bool:
    """Whether the plan differs from its last commit or has none, as far as git can say."""
    try:
        return bool(_git(plan, "status", "--porcelain", "--", plan.name).stdout)
    except OSError:  # without git, RDC_COMMIT has said what this is
        return False


def check_history(commits: set[str], plan: Path) -> None:
    """Refuse to judge by a history that is not there: every row would look unplanned.

    Raises:
        ValueError: no git, no repository, or a commit that it lacks.
    """
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


def _git(plan: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *words], cwd=plan.parent, capture_output=True, text=True)
