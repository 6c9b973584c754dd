"""Pace: how fast a process trains a network here, alone or beside others, by timed probes."""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ...ground import store
from ...ground.device import give_back, machine_name
from ...ground.folders import runs_dir
from ...ground.limits import cores
from ...ground.seeds import generator
from ...train import protocols
from ...train.accuracy import predict
from ...train.protocol import batch_size
from ...train.training import fit
from .processes import start_processes
from .setups import Setup

_PATIENCE = 120.0  # seconds for all processes of a probe to be ready
_hopeless = set[str]()  # probes that failed in this process; each may have waited for long
_STEPS = {"cpu": 8, "cuda": 200}  # of a probe; on a GPU most of them must be replayed ones


class _Failed(RuntimeError):
    """A process of a probe has failed, and said why."""


def pace_together(setup: Setup, student: str, ipc: int, processes: int) -> float:
    """Views per second of so many processes that train at the same time; probed once per machine.

    0 where one of them fails, such as for want of memory; only this process remembers that, for who
    took the memory may be gone the next time.
    """
    config = _config(setup, student, ipc, what="pace together", processes=processes)

    def measure(home: Path) -> float:
        context = multiprocessing.get_context("spawn")
        gate, paces = context.Barrier(processes), context.SimpleQueue()
        work = (replace(setup), student, ipc)
        started = start_processes(_probe_together, work, [(gate, paces)] * processes)
        for process in started:
            process.join()
        if any(process.exitcode for process in started):
            raise _Failed
        return sum(paces.get() for _ in started)

    asked = store.config_hash(config)
    if asked in _hopeless:
        return 0.0
    try:
        return float(store.result_of(store.cached(runs_dir("probes"), config, measure)))
    except _Failed:
        _hopeless.add(asked)
        return 0.0


def _probe_together(work: tuple[Setup, str, int], gate: Barrier, paces: SimpleQueue[float]) -> None:
    """One of several processes: ready, wait for the others, then train as long as they do."""
    setup, student, ipc = work
    try:
        probe(setup, student, ipc)  # a context, memory and kernels are there before the clock
        gate.wait(_PATIENCE)
        paces.put(probe(setup, student, ipc).training)
    except BaseException:
        gate.abort()  # the others need not wait
        raise


class Pace(NamedTuple):
    """Images per second of one process: views in training, and whole images in testing."""

    training: float
    testing: float


def pace_of(setup: Setup, student: str, ipc: int, threads: int) -> Pace:
    """How fast one process with so many threads is; probed once per machine."""
    config = _config(setup, student, ipc, what="pace", cores=cores(), threads=threads)
    with threads_of(threads):
        home = store.cached(runs_dir("probes"), config, lambda home: probe(setup, student, ipc))
    return Pace(*store.result_of(home))


def _config(setup: Setup, student: str, ipc: int, **more: Any) -> dict[str, Any]:
    """What a probe depends on, beside what is timed."""
    runtime = setup.runtime_of(student)
    return {
        "machine": machine_name(runtime.device),
        "student": student,
        "size": setup.pool.size,
        "images": ipc * setup.pool.num_classes,
        "precision": runtime.precision,
        "layout": runtime.layout,
        **more,
    }


def probe(setup: Setup, student: str, ipc: int) -> Pace:
    """Time a few steps of training a network on a set of `ipc` per class, and a few tests."""
    count = ipc * setup.pool.num_classes
    runtime = setup.runtime_of(student)
    few = setup.pool[torch.randint(len(setup.pool), (count,), generator=generator(0, "probe"))]
    protocol = protocols.hard(epochs=1)
    each = -(-count // batch_size(protocol, count, setup.pool.num_classes))
    steps = _STEPS[runtime.device.type]
    protocol = protocol.but(epochs=max(1, steps // each))
    how: dict[str, Any] = {"runtime": runtime, "what": "probe of"}
    fit(few, protocol, student, **how)  # a process warms up
    timed = [fit(few, protocol, student, **how) for _ in range(2)]
    tests = setup.test[torch.arange(min(len(setup.test), 320))]
    seconds = []
    for _ in range(2):
        began = time.monotonic()
        predict(timed[0].model, tests, runtime)
        seconds.append(time.monotonic() - began)
    pace = Pace(max(f.views / f.seconds for f in timed), len(tests) / min(seconds))
    del timed
    give_back(runtime.device)
    return pace


@contextlib.contextmanager
def threads_of(count: int) -> Iterator[None]:
    """While it lasts, torch computes with so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
