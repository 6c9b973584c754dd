"""`rdc evidence`: the campaign behind the verdicts; what is planned, done and missing, and more."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tomllib
from collections.abc import Sequence

import pandas as pd

from ..ground import store
from ..ground.folders import checkout, evidence_dir
from ..ground.names import unknown
from ..ground.progress import human_time
from ..study.analyses.entropy_rows import make_entropy_rows
from ..study.grid.campaign import Line, exploratory, make_rows
from ..study.grid.planfile import read_plan
from ..study.grid.schedule import Work, work_through
from ..study.grid.setups import Trial
from ..study.grid.terms import terms_of
from ..study.verdicts.effects import Absent, rows_of_term
from ..study.verdicts.planned import judge_lines
from .evidence_again import evidence_again

_PLANNED, _ABSENT = "planned before its rows", "not yet in the plan"


def evidence(
    minutes: float = 0.0,
    *,
    keys: Sequence[str] = (),
    workers: str | int = "auto",
    check: bool = False,
    again: bool = False,
) -> int:
    """Show the plan; with `minutes`, measure the most valuable missing rows first.

    Args:
        minutes: of work; nothing is begun that would not fit, by what such rows took before and by
            the scoring runs and teachers that are missing.
        keys: only these lines.
        workers: processes, each making another replicate; "auto" is one per core, as far as the
            memory allows, and on a GPU one.
        check: say for every line whether it was committed before its first row.
        again: make finished rows again on this machine instead, see `evidence_again`.

    Returns:
        0; 1 if a replicate could not be made or a worker died, and for a check if a line has rows
        that were made before it was committed.

    Raises:
        ValueError: an unknown line, a wrong plan, or git does not say what rows would be made by.
    """
    lines = read_plan()
    chosen = _chosen(lines, keys)
    if check:
        return _check(chosen)
    if minutes > 0:
        _check_commit()
    if again:
        return evidence_again(chosen, minutes, workers)
    _tell_uncommitted()
    whole = minutes <= 0 or work_through(Work(chosen, 60 * minutes, _make), workers)
    table = judge_lines(lines)
    for line in chosen:
        _show(line, table[table["line"] == line.key])
    for path, count in exploratory(lines).items():
        print(f"{path.name}: {count} rows of no line (exploratory) or made twice: not judged")
    done = sum(not line.missing() for line in lines)
    print(f"evidence: {done} of {len(lines)} lines complete in {evidence_dir()}")
    return 0 if whole else 1


def _chosen(lines: list[Line], keys: Sequence[str]) -> list[Line]:
    """The lines that are asked for; all if none is named."""
    known = [line.key for line in lines]
    for key in keys:
        if key not in known:
            raise ValueError(unknown("line", key, known))
    return [line for line in lines if not keys or line.key in keys]


def _show(line: Line, judged: pd.DataFrame) -> None:
    missing, total = len(line.missing()), len(line.trials)
    state = f"{total - missing} of {total} rows" if missing else "done"
    to_go = human_time(60 * line.minutes * missing / total)
    left = f", about {to_go} besides scoring runs and teachers" if missing else ""
    print(f"{line.key} ({', '.join(line.claims)}; priority {line.priority}): {state}{left}")
    for row in judged.to_dict("records"):
        found = ""
        if row["n"] > 1:
            found = f"{row['mean']:.2f} ({row['low']:.2f} to {row['high']:.2f}); "
        print(f"    {row['effect']}: {found}{row['verdict']}")


def _make(line: Line, trials: list[Trial], workers: str | int) -> None:
    """Rows of the kind that the line asks for."""
    if line.measure == "entropy":
        make_entropy_rows(line, trials)
    else:
        make_rows(line, trials, workers)


def _check_commit() -> None:
    """Refuse to make rows of which nobody could say later whether they were planned before."""
    root = checkout()
    if root is not None and not store.git_state():
        raise ValueError(
            f"rows name the commit that they were made by, and git gives none for {root}: install "
            f"git, or let it read the folder (git config --global --add safe.directory {root}), or "
            "set RDC_COMMIT to the commit that this is a copy of"
        )


def _tell_uncommitted() -> None:
    """Say that rows of a changed plan will be judged as unplanned."""
    call = ["git", "diff", "--quiet", "HEAD", "--", "data/evidence/plan.toml"]
    changed = 0
    with contextlib.suppress(OSError):  # without git, RDC_COMMIT has said what this is
        changed = subprocess.run(call, cwd=checkout(), capture_output=True).returncode
    if changed == 1:
        print(
            "plan.toml has changes that are not committed: commit them before rows are made, or "
            "--check will find the rows earlier than their plan",
            file=sys.stderr,
        )


def _check(lines: list[Line]) -> int:
    """Whether the plan as it stood when a row was made already had the line, unchanged.

    Rows that lines share, such as a baseline's, may be older than the line, as long as no effect of
    it could be computed from them.

    Raises:
        ValueError: the commits of the rows are not there to be looked at.
    """
    late = begun = 0
    _check_history({commit for line in lines for commit in line.rows()["git"].dropna()})
    for line in lines:
        rows = line.rows()
        now = _line_at("HEAD", line.key)
        named = rows["git"].dropna()
        states = {commit: _state(commit, line.key, now) for commit in named.unique()}
        early = rows[rows["git"].map(states) == _ABSENT]
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


def _check_history(commits: set[str]) -> None:
    """Refuse to judge by a history that is not there: every row would look unplanned."""
    root = checkout()
    if root is None:
        raise ValueError("--check reads the plan's history: run it in a clone of the repository")
    for commit in sorted(name.removesuffix("-dirty") for name in commits):
        call = ["git", "cat-file", "-e", f"{commit}^{{commit}}"]
        try:
            done = subprocess.run(call, cwd=root, capture_output=True)
        except FileNotFoundError:
            raise ValueError("--check reads the plan's history by git: install it") from None
        if done.returncode:
            raise ValueError(
                f"commit {commit}, by which rows were made, is not in this clone's history: fetch "
                "all of it (git fetch --unshallow), then check again"
            )


def _measurable(rows: pd.DataFrame, effect: str) -> bool:
    """Whether every term of an effect has rows; the best value of an option needs two values."""
    try:
        found = [(rows_of_term(rows, term), term.best) for term in terms_of(effect)]
    except Absent:
        return False
    return all(len(part) and (not best or part[best].nunique() > 1) for part, best in found)


def _state(commit: str, key: str, now: dict[str, object] | None) -> str:
    name = commit.removesuffix("-dirty")
    then = _line_at(name, key)
    if then is None:
        return _ABSENT
    if now is not None and then != now:
        return f"changed since {name} made rows of it"
    return _PLANNED


def _line_at(commit: str, key: str) -> dict[str, object] | None:
    """A line of the plan with its setting, as a commit has it; None if it does not."""
    call = ["git", "show", f"{commit}:data/evidence/plan.toml"]
    found = subprocess.run(call, cwd=checkout(), capture_output=True, text=True)
    if found.returncode:
        return None
    plan = tomllib.loads(found.stdout)
    line = next((line for line in plan.get("line", []) if line.get("key") == key), None)
    return line and line | {"setting": plan["setting"][line["setting"]]}
