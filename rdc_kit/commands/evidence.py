"""`rdc evidence`: the campaign behind the verdicts; what is planned, done and missing, and more."""

from __future__ import annotations

import subprocess
import time
import tomllib
from collections.abc import Sequence

import pandas as pd

from ..ground.folders import checkout, evidence_dir
from ..ground.names import unknown
from ..ground.progress import human_time
from ..study.analyses.entropy_rows import make_entropy_rows
from ..study.grid.campaign import Line, exploratory, make_rows
from ..study.grid.planfile import read_plan
from ..study.grid.setups import Trial
from ..study.grid.terms import terms_of
from ..study.grid.workers import cores, workers_from
from ..study.verdicts.effects import Absent, rows_of_term
from ..study.verdicts.planned import judge_lines

_PLANNED, _ABSENT = "planned before its rows", "not yet in the plan"


def evidence(
    minutes: float = 0.0,
    *,
    keys: Sequence[str] = (),
    workers: str | int = "auto",
    check: bool = False,
) -> int:
    """Show the plan; with `minutes`, measure the most valuable missing rows first.

    Args:
        minutes: of work; nothing is begun that would not fit, by what such rows took before.
        keys: only these lines.
        workers: see `Experiment.measure`.
        check: say for every line whether it was committed before its first row.

    Returns:
        0; for a check 1 if a line has rows that were made before it was committed.

    Raises:
        ValueError: an unknown line, or a wrong plan.
    """
    lines = read_plan()
    known = [line.key for line in lines]
    for key in keys:
        if key not in known:
            raise ValueError(unknown("line", key, known))
    chosen = [line for line in lines if not keys or line.key in keys]
    if check:
        return _check(chosen)
    if minutes > 0:
        _work(chosen, 60 * minutes, workers)
    table = judge_lines(lines)
    for line in chosen:
        _show(line, table[table["line"] == line.key])
    for path, count in exploratory(lines).items():
        print(f"{path.name}: {count} rows of no line: exploratory, not judged")
    done = sum(not line.missing() for line in lines)
    print(f"evidence: {done} of {len(lines)} lines complete in {evidence_dir()}")
    return 0


def _show(line: Line, judged: pd.DataFrame) -> None:
    rows, total = len(line.rows()), len(line.trials)
    state = "done" if rows >= total else f"{rows} of {total} rows"
    left = "" if rows >= total else f", about {human_time(60 * line.minutes * (1 - rows / total))}"
    print(f"{line.key} ({', '.join(line.claims)}; priority {line.priority}): {state}{left}")
    for row in judged.to_dict("records"):
        found = ""
        if row["n"] > 1:
            found = f"{row['mean']:.2f} ({row['low']:.2f} to {row['high']:.2f}); "
        print(f"    {row['effect']}: {found}{row['verdict']}")


def _work(lines: list[Line], seconds: float, workers: str | int) -> None:
    """Replicates by priority, as many at a time as there are workers, until the time is over."""
    end, most = time.monotonic() + seconds, workers_from(workers) or cores()
    for line in sorted(lines, key=lambda line: line.priority):
        pace, spent, made = 60 * line.minutes / line.n, 0.0, 0
        left = _replicates(line.missing())
        while left:
            count = min(most, int((end - time.monotonic()) / pace))
            if count < 1:
                print(f"{line.key}: the next replicate takes about {human_time(pace)}: left")
                break
            now, left = left[:count], left[count:]
            began = time.monotonic()
            _make(line, [trial for trials in now for trial in trials], workers)
            took = time.monotonic() - began
            spent, made = spent + took, made + len(now)
            pace = spent / made
            for trials in now:
                seed, each = trials[0].seed, human_time(took / len(now))
                print(f"{line.key}: replicate {seed}, {len(trials)} rows, {each}", flush=True)


def _make(line: Line, trials: list[Trial], workers: str | int) -> None:
    """Rows of the kind that the line asks for."""
    if line.measure == "entropy":
        make_entropy_rows(line, trials)
    else:
        make_rows(line, trials, workers)


def _replicates(trials: list[Trial]) -> list[list[Trial]]:
    """Trials by their seed."""
    seeds = dict.fromkeys(trial.seed for trial in trials)
    return [[trial for trial in trials if trial.seed == seed] for seed in seeds]


def _check(lines: list[Line]) -> int:
    """Whether the plan as it stood when a row was made already had the line, unchanged.

    Rows that lines share, such as a baseline's, may be older than the line, as long as no effect of
    it could be computed from them.
    """
    late = 0
    for line in lines:
        rows = line.rows()
        now = _line_at("HEAD", line.key)
        states = {commit: _state(str(commit), line.key, now) for commit in rows["git"].unique()}
        early = rows[rows["git"].map(states) == _ABSENT]
        seen = [effect for effect in line.effects if _measurable(early, effect)]
        wrong = {said for said in states.values() if said not in (_PLANNED, _ABSENT)}
        wrong |= {f"{effect!r} could be measured before it was planned" for effect in seen}
        late += bool(wrong)
        said = "; ".join(sorted(wrong)) or (_PLANNED if states else "no rows yet")
        shared = f"; {len(early)} of {len(rows)} rows are an earlier line's" * bool(len(early))
        dirty = int(rows["git"].astype(str).str.endswith("-dirty").sum())
        beside = f"; {dirty} of {len(rows)} rows beside uncommitted changes" * bool(dirty)
        print(f"{line.key}: {said}{shared}{beside}")
    print(f"evidence: {len(lines) - late} of {len(lines)} lines were planned before their rows")
    return int(late > 0)


def _measurable(rows: pd.DataFrame, effect: str) -> bool:
    """Whether every term of an effect has rows."""
    try:
        return all(len(rows_of_term(rows, term)) for term in terms_of(effect))
    except Absent:
        return False


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
