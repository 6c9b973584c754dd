"""Workers: processes that share one grid through the store, and how many of them are best.

A small network keeps one core busy and gains little from a second one. Its threads wait for each
other at every step, much longer where another program needs a core. So several processes with one
thread each can finish more trials in an hour than one with all threads: `rdc speed --grid`.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
from collections.abc import Iterator
from dataclasses import replace

import torch

from ...ground import store
from ...ground.device import device_name
from ...ground.folders import runs_dir
from ...ground.seeds import generator
from ...train import protocols
from ...train.training import fit
from .rows import Extra, is_measured, row_of
from .setups import Setup, Trial

_FEWEST = 4  # trials left for each worker; a process takes seconds to start
_BETTER = 1.1  # what more processes must gain to be worth their memory
_GIGABYTES = 2  # of memory that a worker may need


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


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def best_workers(setup: Setup, trials: list[Trial]) -> int:
    """How many processes finish these trials soonest, by a timed probe, kept for this machine.

    On a CPU: one process with all threads against one per core with one thread each.

    Args:
        setup: what the trials share.
        trials: that are left to do.
    """
    most = min(cores(), len(trials) // _FEWEST, _memory() // _GIGABYTES)
    if most < 2 or setup.runtime.device.type != "cpu":
        return 1
    rates = [_rate(setup, trials[0], threads) for threads in (1, cores())]
    return most if rates[0] * most > _BETTER * rates[1] else 1


def _rate(setup: Setup, trial: Trial, threads: int) -> float:
    """Image views per second of one process with so many threads; probed once per machine."""
    config = {
        "what": "threads",
        "machine": device_name(setup.runtime.device),
        "cores": cores(),
        "threads": threads,
        "student": trial.student,
        "size": setup.pool.size,
        "images": trial.ipc * setup.pool.num_classes,
        "precision": setup.runtime.precision,
    }
    with threads_of(threads):
        home = store.cached(
            runs_dir("probes"), config, lambda home: probe(setup, trial.student, trial.ipc)
        )
    return store.result_of(home)


def probe(setup: Setup, student: str, ipc: int) -> float:
    """Image views per second of training a network on a set of `ipc` per class: a few steps."""
    count = ipc * setup.pool.num_classes
    few = setup.pool[torch.randint(len(setup.pool), (count,), generator=generator(0, "probe"))]
    fit(few, protocols.hard(epochs=1), student, runtime=setup.runtime)  # a process warms up
    steps = -(-count // protocols.batch_size(protocols.hard(), few))
    timed = fit(few, protocols.hard(epochs=max(1, 6 // steps)), student, runtime=setup.runtime)
    return timed.views / timed.seconds


def _memory() -> int:
    """Gigabytes of memory that are free."""
    import psutil

    return int(psutil.virtual_memory().available / 1e9)


@contextlib.contextmanager
def threads_of(count: int) -> Iterator[None]:
    """While it lasts, torch computes with so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def helpers(
    setup: Setup, trials: list[Trial], extra: Extra | None, count: int, threads: int
) -> Iterator[None]:
    """While it lasts, `count` more processes make trials that nobody else is making.

    They take them from the end. A helper that dies costs the trial that it was making: the lock is
    freed with it, and whoever comes next continues from the checkpoint.
    """
    # As bytes, for tensors would travel through shared memory, of which a container has little;
    # a new setup, without the sets and teachers that this one remembers.
    work = pickle.dumps((replace(setup), trials, extra))
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_help, args=(work, threads, k), daemon=True) for k in range(count)
    ]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


def _help(work: bytes, threads: int, place: int) -> None:
    """Make trials from the end, each helper beginning at another place, until none is left.

    A helper whose parent was killed ends after the trial that it is making.
    """
    parent = multiprocessing.parent_process()
    torch.set_num_threads(threads)
    os.environ["RDC_INTERACTIVE"] = "0"
    setup, trials, extra = pickle.loads(work)
    for trial in [*reversed(trials[: len(trials) - place]), *trials[len(trials) - place :]]:
        if parent is None or not parent.is_alive():
            return
        if is_measured(trial, setup, extra):
            continue
        with contextlib.suppress(store.Locked):
            row_of(trial, setup, extra, wait=False)
