"""`rdc evidence`: the campaign behind the verdicts; what is planned, done and missing, and more."""

from __future__ import annotations

import contextlib
import multiprocessing
import subprocess
import time
import tomllib
from collections.abc import Iterator, Sequence

import pandas as pd
import torch

from ..ground import store
from ..ground.device import choose_runtime
from ..ground.folders import checkout, evidence_dir, runs_dir
from ..ground.memory import keep_freed_memory
from ..ground.names import unknown
from ..ground.progress import human_time
from ..study.analyses.entropy_rows import make_entropy_rows
from ..study.grid.campaign import Line, exploratory, make_rows
from ..study.grid.experiments import Experiment
from ..study.grid.planfile import read_plan
from ..study.grid.setups import Trial
from ..study.grid.terms import terms_of
from ..study.grid.workers import cores, threads_of, workers_from
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
        minutes: of work; nothing is begun that would not fit, by what such rows took before and by
            the scoring runs and teachers that are missing.
        keys: only these lines.
        workers: processes, each making another replicate; "auto" is one per core, on a GPU one.
        check: say for every line whether it was committed before its first row.

    Returns:
        0; for a check 1 if a line has rows that were made before it was committed.

    Raises:
        ValueError: an unknown line, or a wrong plan.
    """
    lines, chosen = read_plan(), _lines(keys)
    if check:
        return _check(chosen)
    if minutes > 0:
        _side_by_side(keys, 60 * minutes, workers)
    table = judge_lines(lines)
    for line in chosen:
        _show(line, table[table["line"] == line.key])
    for path, count in exploratory(lines).items():
        print(f"{path.name}: {count} rows of no line: exploratory, not judged")
    done = sum(not line.missing() for line in lines)
    print(f"evidence: {done} of {len(lines)} lines complete in {evidence_dir()}")
    return 0


def _lines(keys: Sequence[str]) -> list[Line]:
    """The lines of the plan that are asked for; all if none is named."""
    lines = read_plan()
    known = [line.key for line in lines]
    for key in keys:
        if key not in known:
            raise ValueError(unknown("line", key, known))
    return [line for line in lines if not keys or line.key in keys]


def _show(line: Line, judged: pd.DataFrame) -> None:
    rows, total = len(line.rows()), len(line.trials)
    state = "done" if rows >= total else f"{rows} of {total} rows"
    to_go = human_time(60 * line.minutes * (1 - rows / total))
    left = "" if rows >= total else f", about {to_go} besides scoring runs and teachers"
    print(f"{line.key} ({', '.join(line.claims)}; priority {line.priority}): {state}{left}")
    for row in judged.to_dict("records"):
        found = ""
        if row["n"] > 1:
            found = f"{row['mean']:.2f} ({row['low']:.2f} to {row['high']:.2f}); "
        print(f"    {row['effect']}: {found}{row['verdict']}")


def _side_by_side(keys: Sequence[str], seconds: float, workers: str | int) -> None:
    """Work in several processes, each on a replicate that no other one is making.

    So each has a scoring run of its own, which takes longer than the rest of most replicates. On a
    GPU, "auto" is one process, whose grids are divided by a probe.
    """
    auto = cores() if choose_runtime().device.type == "cpu" else 1
    count = workers_from(workers) or auto
    if count == 1:
        _work(keys, seconds, workers)
        return
    context = multiprocessing.get_context("spawn")
    share = max(1, cores() // count)
    others = [
        context.Process(target=_help, args=(keys, seconds, share), daemon=True)
        for _ in range(count - 1)
    ]
    for process in others:
        process.start()
    try:
        with threads_of(share):
            _work(keys, seconds, 1)
        for process in others:
            process.join()
    finally:
        for process in others:
            process.terminate()


def _help(keys: Sequence[str], seconds: float, threads: int) -> None:
    """What one of the other processes does; it does not outlive the one that started it."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    with contextlib.suppress(KeyboardInterrupt):
        _work(keys, seconds, 1)


def _work(keys: Sequence[str], seconds: float, workers: str | int) -> None:
    """Replicate by replicate, until the time is over."""
    end, parent = time.monotonic() + seconds, multiprocessing.parent_process()
    took: dict[str, list[float]] = {}
    left: set[str] = set()
    for line, seed in _in_order(_lines(keys)):
        if line.key in left:
            continue
        if parent is not None and not parent.is_alive():
            return
        # Two processes do not wait for one teacher: whoever trains it makes all that needs it.
        claim = f"{line.setting.name}-teacher-{seed}" if line.taught else f"{line.key}-{seed}"
        try:
            with store.lock(runs_dir("evidence") / claim, f"{line.key}, {seed}"):
                trials = [trial for trial in line.missing() if trial.seed == seed]
                if not trials:
                    continue  # another process has made it meanwhile
                past, remaining = took.setdefault(line.key, []), end - time.monotonic()
                usual = sum(past) / len(past) if past else 60 * line.minutes / line.n
                if (expected := _seconds_of(line, trials, usual, remaining)) > remaining:
                    told = human_time(expected)
                    print(f"{line.key}: the next replicate takes about {told}: left", flush=True)
                    left.add(line.key)
                    continue
                began = time.monotonic()
                _make(line, trials, workers)
                past.append(time.monotonic() - began)
        except store.Locked:
            continue  # another process makes it
        told = f"{len(trials)} rows, {human_time(past[-1])}"
        print(f"{line.key}: replicate {seed}, {told}", flush=True)


def _in_order(lines: list[Line]) -> Iterator[tuple[Line, int]]:
    """Missing replicates by priority: line by line, then, where teachers are needed, seed by seed.

    So whatever needs the teacher of a seed is made while that teacher is there: to train one takes
    longer than all the rest of a replicate, and it is not kept with the rows.
    """
    for priority in sorted({line.priority for line in lines}):
        seeds = {
            line.key: dict.fromkeys(trial.seed for trial in line.missing())
            for line in lines
            if line.priority == priority
        }
        own = [line for line in lines if line.key in seeds]
        for line in own:
            if not line.taught:
                yield from ((line, seed) for seed in seeds[line.key])
        taught = [line for line in own if line.taught]
        for seed in sorted({seed for line in taught for seed in seeds[line.key]}):
            yield from ((line, seed) for line in taught if seed in seeds[line.key])


def _seconds_of(line: Line, trials: list[Trial], usual: float, left: float) -> float:
    """What a replicate takes: as usual, or more where a scoring run or a teacher is missing."""
    if usual > left or line.measure == "entropy":
        return usual
    return max(usual, Experiment(line.setting.setup, trials, line.key).plan().seconds)


def _make(line: Line, trials: list[Trial], workers: str | int) -> None:
    """Rows of the kind that the line asks for."""
    if line.measure == "entropy":
        make_entropy_rows(line, trials)
    else:
        make_rows(line, trials, workers)


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
