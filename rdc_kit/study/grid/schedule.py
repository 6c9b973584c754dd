"""The campaign's work: missing replicates, the most valuable first, in several processes."""

from __future__ import annotations

import contextlib
import multiprocessing
import sys
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch

from ...ground import files, locks, store
from ...ground.device import choose_runtime
from ...ground.limits import cores
from ...ground.memory import keep_freed_memory
from ...ground.progress import human_time
from ...train.training import Diverged
from .campaign import Line
from .experiments import Experiment
from .making import check_room_for
from .pace import threads_of
from .plan import ensemble_of
from .processes import start_processes, stop_processes
from .setups import Trial
from .workers import most_processes, workers_from

_FAILED = "failed.json"  # the call that could not make it
_PASSED_OVER = 3  # exit status of a process that passed a replicate over, and told so

Make = Callable[[Line, list[Trial], str | int], object]


class Work(NamedTuple):
    """What every process is told.

    Attributes:
        lines: of the plan.
        seconds: that the work may take.
        make: makes some trials of a line in so many processes, and keeps their rows; a function of
            a module, for other processes call it too.
        call: names what all processes do together; `work_through` gives it.
        as_given: the lines are in the order in which they are to be made, whatever their priority.
    """

    lines: list[Line]
    seconds: float
    make: Make
    call: str = ""
    as_given: bool = False


def work_through(work: Work, workers: str | int = "auto") -> bool:
    """Make missing replicates as long as they fit into the time.

    Each process works on a replicate that no other one is making, so each has a scoring run of its
    own, which takes longer than the rest of most replicates. One that dies costs the replicate that
    it was making, which is made by whoever comes next. A replicate that cannot be made is named and
    passed over by all of them; so is a line whose data are not here.

    Args:
        work: what is made. workers: processes; "auto" is one per core, as far as there is free
            memory for them, and on a GPU one, whose grids are divided by a probe.

    Returns:
        Whether all that was begun was made: none was passed over, and no process has died.

    Raises:
        ValueError: a wrong number of workers. OSError: the disk does not take what is made.
    """
    work = work._replace(call=uuid.uuid4().hex)
    auto = most_processes() if choose_runtime().device.type == "cpu" else 1
    count = workers_from(workers) or auto
    if count == 1:
        return _Worker(work, workers).work_on()
    share = max(1, cores() // count)
    others = start_processes(_help, work, [(share,)] * (count - 1))
    try:
        with threads_of(share):
            whole = _Worker(work).work_on()
        for process in others:
            process.join()
    finally:
        stop_processes(others)
    ends = [process.exitcode for process in others]
    if dead := [end for end in ends if end not in (0, _PASSED_OVER)]:
        print(
            f"{len(dead)} of {len(others)} other processes died (exit status "
            f"{', '.join(map(str, dead))}): what they were making may be missing, and the same "
            "call makes it",
            file=sys.stderr,
        )
    return whole and not any(ends)


def _help(work: Work, threads: int) -> None:
    """What one of the other processes does; it does not outlive the one that started it."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(0 if _Worker(work).work_on() else _PASSED_OVER)


class _Worker:
    """One process at work, and how long replicates of each line took it."""

    def __init__(self, work: Work, workers: str | int = 1) -> None:
        self.work, self.workers = work, workers
        self.end = time.monotonic() + work.seconds
        self.took: dict[str, list[float]] = {}
        self.made: set[tuple[str, int]] = set()
        self.left: set[str] = set()
        self.opened: set[str] = set()
        self.held: dict[str, str] = {}  # line -> who is making a replicate of it
        self.whole = True

    def work_on(self) -> bool:
        """Make replicates until none is left that fits, or the process that began is gone.

        Returns:
            Whether none was passed over.
        """
        parent = multiprocessing.parent_process()
        while (parent is None or parent.is_alive()) and self._make_next():
            pass
        if not self.made:  # it has waited for nobody, so its end would come as a surprise
            for key, told in self.held.items():
                print(f"{key}: {told}", flush=True)
        return self.whole

    def _make_next(self) -> bool:
        """Make the most valuable replicate that nobody else is making; False if there is none."""
        for line, seed in in_order(self.work.lines, self.work.as_given):
            if line.key in self.left or (line.key, seed) in self.made:
                continue
            if self._opens(line) and self._try(line, seed):
                return True
        return False

    def _opens(self, line: Line) -> bool:
        """Whether the line's data are here, and enough for its sets."""
        if line.key in self.opened:
            return True
        marker = _locks(line) / line.key / "line" / _FAILED
        if self._is_passed_over(marker):
            return False
        try:
            check_room_for(line)
        except ValueError as error:
            self._pass_over(marker, f"{line.key} cannot be made here: {error}")
            return False
        self.opened.add(line.key)
        return True

    def _try(self, line: Line, seed: int) -> bool:
        """Make a replicate if no other process is making it, or was not able to."""
        marker = _locks(line) / line.key / str(seed) / _FAILED
        try:
            with _claimed(line, seed) as trials:
                if not trials or self._is_passed_over(marker):
                    return False
                try:
                    return self._make(line, seed, trials)
                except (OSError, locks.Locked):  # of the disk, or of what others are making
                    raise
                except Exception as error:  # it fails whenever it is made
                    told = f"{line.key}: replicate {seed} cannot be made and is passed over"
                    self._pass_over(marker, f"{told}: {_told(error)}")
        except locks.Locked as held:
            self.held[line.key] = str(held)
        return False

    def _is_passed_over(self, marker: Path) -> bool:
        """Whether a process of this call, or this one, has left a sign of its failure."""
        passed = (files.read_json(marker) or {}).get("call") == self.work.call
        self.whole &= not passed
        return passed

    def _pass_over(self, marker: Path, told: str) -> None:
        print(told, file=sys.stderr, flush=True)
        self.whole = False
        marker.parent.mkdir(parents=True, exist_ok=True)
        files.write_json(marker, {"call": self.work.call})

    def _make(self, line: Line, seed: int, trials: list[Trial]) -> bool:
        """Make a replicate, if there is time for it; else its line is not looked at again."""
        began, (usual, shared) = time.monotonic(), self._expected(line, trials)
        if usual + shared > self.end - began:
            told = human_time(usual + shared)
            print(f"{line.key}: the next replicate would take about {told}: not begun", flush=True)
            self.left.add(line.key)
            return False
        self.work.make(line, trials, self.workers)
        seconds = time.monotonic() - began
        # The first one of an entropy line may have trained its observer, which was not foretold.
        begun = line.measure != "entropy" or any(key == line.key for key, _ in self.made)
        self.made.add((line.key, seed))
        if begun and not shared:
            self.took.setdefault(line.key, []).append(seconds)
        told = f"{len(trials)} row{'s' * (len(trials) > 1)}, {human_time(seconds)}"
        print(f"{line.key}: replicate {seed}, {told}", flush=True)
        return True

    def _expected(self, line: Line, trials: list[Trial]) -> tuple[float, float]:
        """Seconds of a replicate, and of the scoring runs and teachers that it lacks.

        What earlier ones took counts, where there are any; else the line's minutes, which are of
        two cores, and what is foretold for this machine.
        """
        past = self.took.get(line.key)
        told = 60 * line.minutes / line.n if choose_runtime().device.type == "cpu" else 0.0
        usual = sum(past) / len(past) if past else told
        if usual > self.end - time.monotonic() or line.measure == "entropy":
            return usual, 0.0
        plan = Experiment(line.setting.setup, trials, line.key).plan(against_pool=False)
        return usual if past else max(told, plan.seconds - plan.shared), plan.shared


def _told(error: Exception) -> str:
    """An error in a sentence; with its type and place where it was not raised to be read."""
    if isinstance(error, (Diverged, ValueError)):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({place.filename}, line {place.lineno})"


def _locks(line: Line) -> Path:
    """Where processes that make rows of a line meet, whatever their RDC_HOME."""
    return line.path.parent / store.LOCKS


@contextlib.contextmanager
def _claimed(line: Line, seed: int) -> Iterator[list[Trial]]:
    """The missing trials of a replicate; while it lasts, no other process makes them.

    Nor does one train the teacher that they need: who waited for that would have no work.

    Raises:
        Locked: another process has them, or trains their teacher.
    """
    own = _locks(line)
    with locks.lock(own / line.key / str(seed), f"{line.key}, {seed}"):
        trials = [trial for trial in line.missing() if trial.seed == seed]
        if not _waits_for_teacher(line, trials):
            yield trials
            return
        teacher = f"{line.setting.name}-teacher-{trials[0].seeds.teacher}"
        with locks.lock(own / teacher, teacher):
            yield trials


def _waits_for_teacher(line: Line, trials: list[Trial]) -> bool:
    """Whether trials need a teacher that is not trained yet."""
    if not line.taught or not trials:
        return False
    setup = line.setting.setup
    count = ensemble_of(trials, trials, setup.pool.size)
    return count > 0 and not setup.has_teacher(count, trials[0].seeds.teacher)


def in_order(lines: list[Line], as_given: bool = False) -> Iterator[tuple[Line, int]]:
    """Missing replicates by priority, line by line; those with teachers together, by the teacher.

    So whatever needs a teacher is made while that teacher is there: to train one takes longer than
    all the rest of a replicate, and other machines may lack it.

    Args:
        lines: of the plan. as_given: one after the other, whatever their priority.
    """
    ranks = {line.key: k if as_given else line.priority for k, line in enumerate(lines)}
    for rank in sorted({*ranks.values()}):
        own = [line for line in lines if ranks[line.key] == rank]
        taught = [line for line in own if line.taught]
        for line in own:
            if not line.taught:
                yield from ((line, seed) for seed in _replicates(line))
            elif line is taught[0]:
                found = [
                    (t, k, s) for k, one in enumerate(taught) for s, t in _replicates(one).items()
                ]
                yield from ((taught[k], seed) for _, k, seed in sorted(found))


def _replicates(line: Line) -> dict[int, int]:
    """The replicates that lack rows, each with the seed of its teacher."""
    return {trial.seed: trial.seeds.teacher for trial in line.missing()}
