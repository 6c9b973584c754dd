"""What a grid will take, told before it starts: runs, time on this machine, disk."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from ...distill.rded import CROPS, DRAWN
from ...distill.recipes import RECIPES, recipe
from ...ground import store
from ...ground.folders import data_dir
from ...train import models, teachers
from ...train.labels import label_bytes
from .experiments import Experiment
from .rows import is_measured
from .setups import Setup, Trial
from .workers import probe

_FORWARD = 1 / 3  # of a training step's work, a backward pass being twice a forward one
# Recovering computes in fp32 and reads statistics: 2.4 times a bf16 training step, by make_seconds
# and images_per_second of data/evidence/01-digits-32px-runs.csv (2 AMX cores, five methods).
_EXACT = {"bf16": 2.4, "fp32": 1.0}


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
        parts = (
            f"{human_time(self.shared)} scores and teachers, {human_time(self.sets)} sets, "
            f"{human_time(self.training)} training"
        )
        return (
            f"{self.runs} runs, {self.done} already done; about {human_time(total)} on this "
            f"machine ({parts})\n"
            f"disk: about {self.disk / 1e6:,.0f} MB, {self.free / 1e9:,.0f} GB free"
        )


def human_time(seconds: float) -> str:
    """Human time: "40 s", "12 min", "3.5 h"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def plan(experiment: Experiment) -> Plan:
    """Count what is done, and estimate the rest from a few timed steps: good to a factor of two.

    Raises:
        OSError: the disk has less room than the grid needs.
    """
    setup, trials = experiment.setup, experiment.trials
    done = [is_measured(trial, setup, experiment.extra) for trial in trials]
    left = [trial for trial, there in zip(trials, done, strict=True) if not there]
    there = {setup.set_key(trial) for trial, past in zip(trials, done, strict=True) if past}
    rates = {key: probe(setup, *key) for key in {(t.student, t.ipc) for t in left}}
    training = sum(_training_views(t, setup) / rates[t.student, t.ipc] for t in left)
    missing = list({key: t for t in left if (key := setup.set_key(t)) not in there}.values())
    fastest = max(rates.values(), default=1.0)
    sets = sum(set_views(t, setup) for t in missing) / fastest
    shared = _shared_views(left, missing, setup) / fastest
    stored = {(setup.set_key(t), t.protocol): t for t in left if t.protocol.labels == "stored"}
    classes = setup.pool.num_classes
    disk = 10**6 + sum(3 * setup.pool.size**2 * t.ipc * classes for t in missing)
    disk += sum(label_bytes(t.protocol, t.ipc * classes, classes) for t in stored.values())
    store.require_free_space(data_dir(), disk)
    free = shutil.disk_usage(data_dir()).free
    return Plan(len(trials), len(trials) - len(left), shared, sets, training, disk, free)


def set_views(trial: Trial, setup: Setup) -> float:
    """What making a cell's set takes, in image views of a training step."""
    name, classes = trial.arm.method, setup.pool.num_classes
    settings = setup.settings(trial.arm, trial.seeds)
    if name in RECIPES:
        steps = settings.get("iterations") or recipe(name, setup.pool.size).iterations
        return steps * trial.ipc * classes * _EXACT[setup.runtime.precision]
    if name == "rded":
        drawn, crops = settings.get("drawn", DRAWN), settings.get("crops", CROPS)
        return min(drawn * classes, len(setup.pool)) * crops * _FORWARD
    return 0.0


def _training_views(trial: Trial, setup: Setup) -> float:
    views = trial.protocol.epochs * trial.ipc * setup.pool.num_classes
    asked = 0 if trial.protocol.labels == "hard" else trial.protocol.teachers
    return views * (1 + asked * _FORWARD)


def _shared_views(left: Sequence[Trial], missing: Sequence[Trial], setup: Setup) -> float:
    """Image views of the scoring runs and teachers that are not there yet."""
    names = {trial.arm.method for trial in missing}
    settings = [setup.settings(trial.arm, trial.seeds) for trial in missing]
    epochs = sum({s["epochs"] for s in settings if s.get("epochs") and s.get("order") != "random"})
    asked = [t.protocol.teachers for t in left if t.protocol.labels != "hard"]
    asked += [recipe(name, setup.pool.size).teachers for name in names & RECIPES.keys()]
    asked += [1] * ("rded" in names)
    networks = set(setup.networks(max(asked))) if asked else set()
    if {"hard", "soft"} <= {
        trial.protocol.name for trial in left
    }:  # the whole pool, to compare with
        students = {trial.student for trial in left}
        networks |= {name for name in students if setup.teacher != models.PUBLISHED + name}
    for network in networks:
        key = teachers.key_of(setup.keys[0], network, setup.teacher_epochs, 0, setup.runtime)
        epochs += 0 if teachers.is_trained(key) else setup.teacher_epochs
    return epochs * len(setup.pool)
