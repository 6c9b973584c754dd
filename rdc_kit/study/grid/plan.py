"""What a grid will take, told before it starts: runs, time on this machine, disk."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ...distill.rded import CROPS, DRAWN
from ...distill.recipes import RECIPES, recipe
from ...ground import store
from ...ground.runtime import data_dir, generator
from ...prune.scores import EL2N_EPOCHS, FULL_EPOCHS
from ...train import models, protocols, teachers
from ...train.labels import label_bytes
from ...train.training import fit
from .experiments import Bench, Cell

_FORWARD = 1 / 3  # of a training step's work, a backward pass being twice a forward one
# Recovering computes in fp32 and reads statistics: 2.4 times a bf16 training step, by make_seconds
# and images_per_second of data/evidence/01-digits-32px-runs.csv (2 AMX cores, five methods).
_EXACT = {"bf16": 2.4, "fp32": 1.0}
_SCORING = {"el2n": EL2N_EPOCHS, "pca": EL2N_EPOCHS}
_SCORING |= dict.fromkeys(("forgetting", "aum", "ccs"), FULL_EPOCHS)


@dataclass(frozen=True)
class Plan:
    """What a grid will take.

    Attributes:
        runs: all; done: of these in the store already.
        shared: seconds of scoring runs and teachers; sets: of making sets; training: of the rest.
        disk: bytes of what is kept; free: bytes free there.
    """

    runs: int
    done: int
    shared: float
    sets: float
    training: float
    disk: int
    free: int

    def __str__(self) -> str:
        total = self.shared + self.sets + self.training
        return (
            f"{self.runs} runs, {self.done} already done; about {minutes(total)} on this machine "
            f"({minutes(self.shared)} scores and teachers, {minutes(self.sets)} sets, "
            f"{minutes(self.training)} training)\n"
            f"disk: about {self.disk / 1e6:,.0f} MB, {self.free / 1e9:,.0f} GB free"
        )


def minutes(seconds: float) -> str:
    """Human time: "40 s", "12 min", "3.5 h"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def plan(cells: Sequence[Cell], bench: Bench) -> Plan:
    """Count what is done, and estimate the rest from a few timed steps: good to a factor of two.

    Raises:
        OSError: the disk has less room than the grid needs.
    """
    left = [cell for cell in cells if not bench.done(cell)]
    rates = {key: probe(bench, *key) for key in {(c.student, c.ipc) for c in left}}
    training = sum(_run_views(cell, bench) / rates[cell.student, cell.ipc] for cell in left)
    missing = list({bench.recipe(c): c for c in left if not bench.made(c)}.values())
    fastest = max(rates.values(), default=1.0)
    sets = sum(set_views(cell, bench) for cell in missing) / fastest
    shared = _shared_views(left, missing, bench) / fastest
    stored = {(bench.recipe(c), c.protocol): c for c in left if c.protocol.labels == "stored"}
    classes = bench.pool.num_classes
    disk = 10**6 + sum(3 * bench.pool.size**2 * cell.ipc * classes for cell in missing)
    disk += sum(label_bytes(c.protocol, c.ipc * classes, classes) for c in stored.values())
    store.require_free_space(data_dir(), disk)
    free = shutil.disk_usage(data_dir()).free
    return Plan(len(cells), len(cells) - len(left), shared, sets, training, disk, free)


def probe(bench: Bench, student: str, ipc: int) -> float:
    """Image views per second of training a network on a set of `ipc` per class: a few steps."""
    count = ipc * bench.pool.num_classes
    few = bench.pool[torch.randint(len(bench.pool), (count,), generator=generator(0, "probe"))]
    fit(few, protocols.hard(epochs=1), student, runtime=bench.runtime)  # a process warms up
    steps = -(-count // protocols.batch_size(protocols.hard(), few))
    timed = fit(few, protocols.hard(epochs=max(1, 6 // steps)), student, runtime=bench.runtime)
    return timed.views / timed.seconds


def set_views(cell: Cell, bench: Bench) -> float:
    """What making a cell's set takes, in image views of a training step."""
    name, classes = cell.arm.method, bench.pool.num_classes
    settings = bench.settings(cell.arm)
    if name in RECIPES:
        steps = settings.get("iterations") or recipe(name, bench.pool.size).iterations
        return steps * cell.ipc * classes * _EXACT[bench.runtime.precision]
    if name == "rded":
        drawn, crops = settings.get("drawn", DRAWN), settings.get("crops", CROPS)
        return min(drawn * classes, len(bench.pool)) * crops * _FORWARD
    return 0.0


def _run_views(cell: Cell, bench: Bench) -> float:
    views = cell.protocol.epochs * cell.ipc * bench.pool.num_classes
    asked = 0 if cell.protocol.labels == "hard" else cell.protocol.teachers
    return views * (1 + asked * _FORWARD)


def _shared_views(left: Sequence[Cell], missing: Sequence[Cell], bench: Bench) -> float:
    """Image views of the scoring runs and teachers that are not there yet."""
    names = {cell.arm.method for cell in missing}
    epochs = sum({_SCORING[name] for name in names & _SCORING.keys()})
    asked = [c.protocol.teachers for c in left if c.protocol.labels != "hard"]
    asked += [recipe(name, bench.pool.size).teachers for name in names & RECIPES.keys()]
    asked += [1] * ("rded" in names)
    networks = set(bench.networks(max(asked))) if asked else set()
    if {"hard", "soft"} <= {cell.protocol.name for cell in left}:  # the whole pool, to compare with
        students = {cell.student for cell in left}
        networks |= {name for name in students if bench.teacher != models.PUBLISHED + name}
    for network in networks:
        key = teachers.key_of(bench.pool, network, bench.teacher_epochs, 0, bench.runtime)
        epochs += 0 if teachers.is_trained(key) else bench.teacher_epochs
    return epochs * len(bench.pool)
