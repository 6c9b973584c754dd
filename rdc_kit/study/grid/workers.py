"""Workers: processes that share one grid through the store, and how many of them are best.

A small network keeps one core busy and gains little from a second one. Its threads wait for each
other at every step, much longer where another program needs a core. So several processes with one
thread each can finish more trials in an hour than one with all threads: `rdc speed --grid`.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch

from ...ground.device import free_on
from ...ground.limits import cores, free_memory
from ...ground.memory import keep_freed_memory
from ...train.footprint import training_bytes
from ...train.protocol import batch_size
from .pace import pace_of, pace_together
from .processes import check_guard, start_processes, stop_processes
from .rows import Extra, is_measured, row_of
from .setups import Setup, Trial

_FEWEST = 4  # trials left for each worker
_START = 20.0  # seconds that a grid must take alone; a process takes some of them to start
_BETTER = 1.1  # what more processes must gain to be worth their memory
_WORTH = 1.25  # what more threads must gain to be worth the risk of a busy neighbour
_MEMORY = 2 * 10**9  # bytes that a worker may need
_CONTEXT = 6 * 10**8  # bytes of a GPU that a process takes before its first tensor


def workers_from(text: str | int) -> int:
    """A number of workers from "auto" or a number; 0 stands for auto.

    Raises:
        ValueError: neither.
    """
    if str(text) == "auto":
        return 0
    if not str(text).isdigit() or int(text) < 1:
        raise ValueError(f"workers must be 'auto' or a whole number of at least 1, got {text!r}")
    return int(text)


def most_processes(images: int = 0) -> int:
    """As many processes as there are cores and free memory for, at least 1.

    Args:
        images: bytes of those that each is sent; while it unpacks them it holds them twice.
    """
    return max(1, min(cores(), free_memory() // (_MEMORY + 2 * images)))


def _most_for(setup: Setup, trials: Sequence[Trial]) -> int:
    """As many processes as these trials are worth and the machine has room for."""
    images = setup.pool.images.nbytes + setup.test.images.nbytes
    return min(most_processes(images), len(trials) // _FEWEST)


class Split(NamedTuple):
    """Processes that share a grid, and the threads of each."""

    processes: int
    threads: int

    def __str__(self) -> str:
        what = f"{self.processes} process{'es' * (self.processes > 1)}"
        return f"{what} of {self.threads} thread{'s' * (self.threads > 1)}"


def split_of(workers: str | int, setup: Setup, trials: Sequence[Trial]) -> Split:
    """The split that was asked for, or for "auto" the best one.

    Args:
        workers: see `workers_from`. setup, trials: what the trials share, and those left to do.

    Raises:
        ValueError: a wrong number of workers. RuntimeError: see `check_guard`.
    """
    check_guard()
    count = workers_from(workers)
    if not count:
        return best_split(setup, trials)
    count = max(1, min(count, len(trials)))
    return Split(count, torch.get_num_threads() if count == 1 else max(1, cores() // count))


def best_split(setup: Setup, trials: Sequence[Trial]) -> Split:
    """The split that finishes these trials soonest, by timed probes, kept for this machine.

    On a GPU: 1, 2, 4 ... processes, as long as twice as many finish more together; a small network
    is too little work for a GPU, which waits for Python. On a CPU: one process with all threads,
    one with one thread, or one per core with one thread each. A lone thread is taken where all of
    them together gain little, for they wait for each other at every operation, much longer beside
    a busy program (`rdc speed --neighbour`).

    Args:
        setup: what the trials share. trials: that are left to do.
    """
    on_cpu = setup.runtime.device.type == "cpu"
    if not trials or (on_cpu and cores() == 1):
        return Split(1, torch.get_num_threads())
    if not on_cpu:
        return _split_on_gpu(setup, trials)
    longest = max(trials, key=lambda trial: trial.ipc * trial.protocol.epochs)
    what = (setup, longest.student, longest.ipc)
    one, every = (pace_of(*what, threads).training for threads in (1, cores()))
    alone = Split(1, 1 if one * _WORTH > every else cores())
    most = _most_for(setup, trials)
    if most < 2 or _views(setup, trials) / max(one, every) < _START:
        return alone
    return Split(most, 1) if one * most > _BETTER * every else alone


def _views(setup: Setup, trials: Sequence[Trial]) -> int:
    """Image views of all trainings."""
    return sum(t.protocol.epochs * t.ipc for t in trials) * setup.pool.num_classes


def _split_on_gpu(setup: Setup, trials: Sequence[Trial]) -> Split:
    """Twice as many processes as long as they are worth it and the GPU has room for them all.

    The network that needs most memory speaks for all. The cores' threads are shared.
    """
    kinds = {(t.student, t.ipc, t.protocol.batch): t for t in trials}.values()
    largest = max(kinds, key=lambda trial: step_bytes(trial, setup))
    student, ipc = largest.student, largest.ipc
    each = step_bytes(largest, setup) + _CONTEXT
    most = min(_most_for(setup, trials), free_on(setup.runtime.device) // each)
    count, rate = 1, pace_of(setup, student, ipc, torch.get_num_threads()).training
    while 2 * count <= most and _views(setup, trials) / rate > _START:
        more = pace_together(setup, student, ipc, 2 * count)
        if more < _BETTER * rate:
            break
        count, rate = 2 * count, more
    return Split(count, max(1, cores() // count) if count > 1 else torch.get_num_threads())


def step_bytes(trial: Trial, setup: Setup) -> int:
    """Peak of a trial's training step, bytes; see `training_bytes`."""
    pool = setup.pool
    batch = batch_size(trial.protocol, trial.ipc * pool.num_classes, pool.num_classes)
    precision = setup.runtime_of(trial.student).precision
    return training_bytes(trial.student, pool.size, batch, pool.num_classes, precision)


@contextlib.contextmanager
def helpers(
    setup: Setup, trials: list[Trial], extra: Extra | None, count: int, threads: int
) -> Iterator[None]:
    """While it lasts, `count` more processes make trials that nobody else is making.

    They take them from the end. A helper that dies costs the trial that it was making: the lock is
    freed with it, and whoever comes next continues from the checkpoint. So does a trial that fails:
    it fails again where its error is seen, in the process that began.
    """
    # A new setup, without the sets and teachers that this one remembers.
    work = (replace(setup), trials, extra)
    processes = start_processes(_help, work, [(threads, k / (count + 1)) for k in range(count)])
    try:
        yield
        if dead := [process.exitcode for process in processes if process.exitcode]:
            print(
                f"{len(dead)} of {count} helping processes died (exit status "
                f"{', '.join(map(str, dead))}): the others have made what was left",
                file=sys.stderr,
            )
    finally:
        stop_processes(processes)


def _help(work: tuple[Setup, list[Trial], Extra | None], threads: int, share: float) -> None:
    """Make trials from the end, but for a share of them that comes last, until none is left.

    So helpers begin far from each other, at seeds whose scoring runs no other one is making. A
    helper whose parent was killed ends after the trial that it is making.
    """
    parent = multiprocessing.parent_process()
    torch.set_num_threads(threads)
    keep_freed_memory()
    os.environ["RDC_INTERACTIVE"] = "0"
    setup, trials, extra = work
    first = len(trials) - int(share * len(trials))
    for trial in [*reversed(trials[:first]), *trials[first:]]:
        if parent is None or not parent.is_alive():
            return
        with contextlib.suppress(Exception):
            if not is_measured(trial, setup, extra):
                row_of(trial, setup, extra, wait=False)
