"""The campaign's work: missing replicates, the most valuable first, in several processes."""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch

from ...ground import store
from ...ground.device import choose_runtime
from ...ground.folders import runs_dir
from ...ground.memory import keep_freed_memory
from ...ground.progress import human_time
from .campaign import Line
from .experiments import Experiment
from .setups import Trial
from .workers import cores, threads_of, workers_from

Make = Callable[[Line, list[Trial], str | int], object]


class Work(NamedTuple):
    """What every process is told.

    Attributes:
        lines: of the plan.
        seconds: that the work may take.
        make: makes some trials of a line in so many processes, and keeps their rows; a function of
            a module, for other processes call it too.
    """

    lines: list[Line]
    seconds: float
    make: Make


def work_through(work: Work, workers: str | int = "auto") -> None:
    """Make missing replicates as long as they fit into the time.

    Each process works on a replicate that no other one is making, so each has a scoring run of its
    own, which takes longer than the rest of most replicates. One that dies costs the replicate that
    it was making, which is made by whoever comes next.

    Args:
        work: what is made. workers: processes; "auto" is one per core, and on a GPU one, whose
            grids are divided by a probe.

    Raises:
        ValueError: a wrong number of workers.
    """
    auto = cores() if choose_runtime().device.type == "cpu" else 1
    count = workers_from(workers) or auto
    if count == 1:
        _work(work, workers)
        return
    context = multiprocessing.get_context("spawn")
    share = max(1, cores() // count)
    others = [
        context.Process(target=_help, args=(work, share), daemon=True) for _ in range(count - 1)
    ]
    for process in others:
        process.start()
    try:
        with threads_of(share):
            _work(work, 1)
        for process in others:
            process.join()
    finally:
        for process in others:
            process.terminate()


def _help(work: Work, threads: int) -> None:
    """What one of the other processes does; it does not outlive the one that started it."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    with contextlib.suppress(KeyboardInterrupt):
        _work(work, 1)


def _work(work: Work, workers: str | int) -> None:
    """Replicate by replicate, until the time is over."""
    end, parent = time.monotonic() + work.seconds, multiprocessing.parent_process()
    took: dict[str, list[float]] = {}
    left: set[str] = set()
    for line, seed in in_order(work.lines):
        if parent is not None and not parent.is_alive():
            return
        if line.key in left:
            continue
        with contextlib.suppress(store.Locked), _claimed(line, seed) as trials:
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
            work.make(line, trials, workers)
            past.append(time.monotonic() - began)
            told = f"{len(trials)} rows, {human_time(past[-1])}"
            print(f"{line.key}: replicate {seed}, {told}", flush=True)


@contextlib.contextmanager
def _claimed(line: Line, seed: int) -> Iterator[list[Trial]]:
    """The missing trials of a replicate; while it lasts, no other process makes them.

    Nor anything else that needs the same teacher: a process that waited for it would have no work.

    Raises:
        Locked: another process has them.
    """
    claim = f"{line.setting.name}-teacher-{seed}" if line.taught else f"{line.key}-{seed}"
    with store.lock(runs_dir("evidence") / claim, f"{line.key}, {seed}"):
        yield [trial for trial in line.missing() if trial.seed == seed]


def in_order(lines: list[Line]) -> Iterator[tuple[Line, int]]:
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
