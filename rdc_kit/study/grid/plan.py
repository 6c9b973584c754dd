"""What a grid will take, told before it starts: runs, time on this machine, disk."""

from __future__ import annotations

import itertools
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...distill.rded import CROPS, DRAWN
from ...distill.recipes import RECIPES, recipe
from ...ground import places
from ...ground.folders import data_dir
from ...ground.progress import human_time
from ...methods import method_named
from ...prune.scores import epochs_to_go
from ...train import models, teachers
from ...train.labels import label_bytes
from .pace import pace_of
from .rows import Extra, is_measured, made_elsewhere
from .setups import Setup, Trial
from .workers import Split, split_of, step_bytes

_TORCH = 6 * 10**8  # bytes of a process that has imported torch and trained once
_PROBED = 512  # images that stand for the pool in a probe
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
        memory: bytes of each process at its peak.
        split: how the work is divided.
        elsewhere: how many runs that are not done lie here from another device or precision, by its
            name.
    """

    runs: int
    done: int
    shared: float
    sets: float
    training: float
    disk: int
    free: int
    memory: int
    split: Split
    elsewhere: Counter[str] = field(default_factory=Counter)

    def and_took(self, seconds: float) -> str:
        """The plan beside what it came to, for the end of a grid."""
        return f"planned {human_time(self.seconds)}, took {human_time(seconds)}"

    @property
    def seconds(self) -> float:
        """Of wall time: what trials share is made once, the rest by all processes."""
        return self.shared + (self.sets + self.training) / self.split.processes

    def __str__(self) -> str:
        parts = (
            f"{human_time(self.shared)} scores and teachers, {human_time(self.sets)} sets, "
            f"{human_time(self.training)} training, by {self.split}"
        )
        others = "".join(
            f"\n{count} more are there from {where}, and not used: runs that are compared are made "
            "with one arithmetic"
            for where, count in self.elsewhere.items()
        )
        return (
            f"{self.runs} run{'s' * (self.runs != 1)}, {self.done} already done; about "
            f"{human_time(self.seconds)} on this machine ({parts})\n"
            f"disk: about {self.disk / 1e6:,.0f} MB, {self.free / 1e9:,.0f} GB free; "
            f"memory: about {self.memory / 1e9:.1f} GB for each process{others}"
        )


def plan(
    setup: Setup,
    trials: Sequence[Trial],
    extra: Extra | None = None,
    workers: str | int = 1,
    against_pool: bool = True,
) -> Plan:
    """Count what is done, and estimate the rest from a few timed steps of each network and ipc.

    Args:
        setup, trials, extra, workers: of the experiment.
        against_pool: a network trained on the whole pool is counted too, where there are hard and
            soft labels and one network: what such a table is usually compared with.

    Raises:
        OSError: the disk has less room than the grid needs. ValueError: a wrong `workers`.
    """
    done = [is_measured(trial, setup, extra) for trial in trials]
    left = [trial for trial, there in zip(trials, done, strict=True) if not there]
    split = split_of(workers, setup, left)
    there = {setup.set_key(trial) for trial, past in zip(trials, done, strict=True) if past}
    missing = list({key: t for t in left if (key := setup.set_key(t)) not in there}.values())
    training = sum(_seconds_of(trial, setup, split.threads, extra) for trial in left)
    sets = sum(
        set_views(t, setup) / pace_of(setup, t.student, t.ipc, split.threads).training
        for t in missing
    )
    students = {trial.student for trial in trials}
    both = {"hard", "soft"} <= {trial.protocol.name for trial in trials}
    students = students if against_pool and both and len(students) == 1 else set()
    shared = _shared_seconds(left, missing, students, setup, split.threads)
    stored = {(setup.set_key(t), t.protocol): t for t in left if t.protocol.labels == "stored"}
    classes = setup.pool.num_classes
    disk = 10**6 + sum(3 * setup.pool.size**2 * t.ipc * classes for t in missing)
    disk += sum(label_bytes(t.protocol, t.ipc * classes, classes) for t in stored.values())
    places.require_free_space(data_dir(), disk)
    free = shutil.disk_usage(data_dir()).free
    memory = _memory_bytes(trials, setup)
    done_runs = len(trials) - len(left)
    found = Counter(filter(None, (made_elsewhere(trial, setup, extra) for trial in left)))
    return Plan(len(trials), done_runs, shared, sets, training, disk, free, memory, split, found)


def _memory_bytes(trials: Sequence[Trial], setup: Setup) -> int:
    """Python and torch, the images, and the largest training."""
    pool, peaks = setup.pool, [0]
    for t in {(t.student, t.ipc, t.protocol.batch): t for t in trials}.values():
        peaks.append(step_bytes(t, setup))
    return _TORCH + pool.images.numel() + setup.test.images.numel() + max(peaks)


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


def _seconds_of(trial: Trial, setup: Setup, threads: int, extra: Extra | None) -> float:
    """What training and testing a trial's network takes one process, and what else is measured."""
    pace = pace_of(setup, trial.student, trial.ipc, threads)
    views = trial.protocol.epochs * trial.ipc * setup.pool.num_classes
    asked = 0 if trial.protocol.labels == "hard" else trial.protocol.teachers
    tested = len(setup.test) + (extra.asked * _EXACT[setup.runtime.precision] if extra else 0)
    return views * (1 + asked * _FORWARD) / pace.training + tested / pace.testing


def ensemble_of(left: Sequence[Trial], missing: Sequence[Trial], size: int) -> int:
    """Networks of the largest teacher that trials need; 0 where none is needed.

    Args:
        left: trials to be trained. missing: those whose sets are to be made.
        size: of the images, pixels.
    """
    methods = {trial.arm.method for trial in missing}
    asked = [t.protocol.teachers for t in left if t.protocol.labels != "hard"]
    asked += [recipe(name, size).teachers for name in methods & RECIPES.keys()]
    return max([*asked, *[1] * ("rded" in methods)], default=0)


def _shared_seconds(
    left: Sequence[Trial],
    missing: Sequence[Trial],
    students: set[str],
    setup: Setup,
    threads: int,
) -> float:
    """What the scoring runs and teachers take that are not there yet, and students on the pool."""
    pool = setup.pool
    whole = max(1, min(_PROBED, len(pool)) // pool.num_classes)

    def seconds(network: str, epochs: int) -> float:
        return epochs * len(pool) / pace_of(setup, network, whole, threads).training

    scored = set()
    for trial in missing:
        method = method_named(trial.arm.method)
        how = method.fixed | setup.settings(trial.arm, trial.seeds)
        scores = "scoring_seed" in how and how.get("scores") is None  # else epochs are of others
        if scores and how.get("epochs") and how.get("order") != "random":
            scored.add((how.get("metric", "el2n"), how["epochs"], how["scoring_seed"]))
    epochs = epochs_to_go(pool, scored, setup.runtime)
    total = seconds(pool.student, epochs) if epochs else 0.0
    count = ensemble_of(left, missing, pool.size)
    asked = setup.networks(count) if count else ()
    trained = {*itertools.product(asked, {trial.seeds.teacher for trial in left})}
    # On the whole pool a student is trained once, see `Setup.whole_pool`.
    trained |= {(name, 0) for name in students if setup.teacher != models.PUBLISHED + name}
    for network, seed in trained:
        if network.startswith(models.PUBLISHED):
            continue
        key = teachers.key_of(setup.keys[0], network, setup.teacher_epochs, seed, setup.runtime)
        total += 0 if teachers.is_trained(key) else seconds(network, setup.teacher_epochs)
    return total
