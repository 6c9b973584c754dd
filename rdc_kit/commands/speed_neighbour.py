"""`rdc speed --neighbour`: what a busy program beside a training costs it.

Threads wait for each other at every operation of a small network. Where another program holds a
core, one of them is late each time, and the others wait: much more than the program's share.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pandas as pd
import torch

from ..data.checks import check_count
from ..data.loading import load
from ..ground import files, store
from ..ground.device import choose_runtime, device_name
from ..ground.limits import cores
from ..study.grid.pace import threads_of
from ..train import protocols
from ..train.training import fit
from .speed_before import in_the_old_way

STUDENT, IPC, EPOCHS = "convnet3-w32", 1, 50
_BUSY = "while True: sum(range(100_000))"
COLUMNS = ["way", "threads", "neighbour", "seconds", "times"]


def speed_neighbour(*, rounds: int = 3, out: Path | None = None) -> None:
    """Time one small training (digits, 1 per class) alone and beside a busy program.

    Three ways: all threads as until version 0.2, all threads now, one thread.

    Args:
        rounds: trainings of each kind; their median counts.
        out: where the table goes, as csv.

    Raises:
        ValueError: fewer than one round.
    """
    check_count("rounds", rounds)
    rows = []
    for busy in (False, True):
        with neighbour() if busy else nullcontext():
            rows += [
                ("before", cores(), busy, in_the_old_way(training_seconds, cores(), rounds)),
                ("now", cores(), busy, training_seconds(cores(), rounds)),
                ("now", 1, busy, training_seconds(1, rounds)),
            ]
    table = compared(rows)
    facts = {"device": device_name(choose_runtime().device), "cores": cores()}
    facts |= {"rounds": rounds, "git": store.git_state()}
    table = table.assign(student=STUDENT, ipc=IPC, epochs=EPOCHS, **facts)
    print(table[COLUMNS].round(2).to_string(index=False))
    if out:
        files.write_csv(out, table)
    print(f"speed: a training beside a busy program, on {facts['device']}")


def compared(rows: list[tuple[str, int, bool, float]]) -> pd.DataFrame:
    """A row per way and neighbour; times: its seconds against the same way when quiet."""
    table = pd.DataFrame(rows, columns=COLUMNS[:-1])
    quiet = table[~table["neighbour"]].set_index(["way", "threads"])["seconds"]
    alone = [quiet[way, threads] for way, threads in zip(table.way, table.threads, strict=True)]
    return table.assign(times=(table["seconds"] / alone).round(2), seconds=table.seconds.round(3))


def training_seconds(threads: int, rounds: int) -> float:
    """Median seconds of a training of EPOCHS epochs, after one that is not counted."""
    pool, _ = load("digits")
    stored = pool[torch.tensor([pool.rows_of(label)[0] for label in range(pool.num_classes)])]
    runtime, protocol = choose_runtime("cpu"), protocols.hard(epochs=EPOCHS)
    seconds = []
    with threads_of(threads):
        for _ in range(rounds + 1):
            began = time.perf_counter()
            fit(stored, protocol, STUDENT, runtime=runtime)
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[1:])


@contextmanager
def neighbour() -> Iterator[subprocess.Popen[bytes]]:
    """While it lasts, another process keeps one core busy."""
    with subprocess.Popen([sys.executable, "-c", _BUSY]) as process:
        time.sleep(1)  # until it has started and is busy
        try:
            yield process
        finally:
            process.kill()
