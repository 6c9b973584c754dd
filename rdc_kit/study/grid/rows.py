"""Rows of the tidy table: a trial is trained or fetched, and everything that varies is a column."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...data.imagesets import ImageSet
from ...data.saving import image_bytes
from ...ground import store
from ...ground.device import DEVICES, PRECISIONS, device_name, give_back
from ...ground.folders import runs_dir
from ...methods import method_named
from ...train import models
from ...train.evaluation import evaluate
from ...train.labels import label_bytes
from ...train.protocol import seen_as
from .arms import shape_text
from .setups import Setup, Trial

# What is tried. budget: images per class that the arm may store; ipc: what it stores (fewer where
# it takes fewer originals). pool: method whose set was the pool, "" for the dataset. crop_low,
# crop_high: smallest and largest area of the random crop, as fractions.
ARM_COLUMNS = [
    *("arm", "method", "family", "pool", "order", "skip", "metric", "grid", "grouping"),
    *("spectrum", "budget", "ipc", "originals_per_class", "iterations"),
    *("view", "crop_low", "crop_high", "cutout", "mix", "loss", "teacher_norm"),
]
# Those of them that are numbers, of which a best value can be asked.
ARM_NUMBERS = ("skip", "originals_per_class", "iterations", "crop_low", "crop_high", "cutout")
# The seed of the replicate, and the four that it gives; empty where there is no such layer.
SEED_COLUMNS = ["seed", "scoring_seed", "teacher_seed", "set_seed", "training_seed"]
# Hashes are texts, though pandas would take 12e4567 or 1234567 for numbers: dtypes to read them by.
HASHES = dict.fromkeys(("git", "plan_git", "code", "set_hash", "data_hash", "run_hash"), str)
# tests: number of test images; hits: which of them were right, see `accuracy.unpack`.
# make_seconds: of recovering or cropping the set's images; the scoring run and the teacher, which
# sets share, are not in it. label_bytes: see labels.label_bytes. teacher_top1: on the test set.
# teacher: of soft labels. scorer: network of the scoring run; taught_by: network and epochs of the
# teacher that labels the set or that it is made with; both empty in older rows. set_hash:
# fingerprint of the set; data_hash: of pool and test set, empty in rows from before it was kept;
# run_hash: of everything that was tried. Rows of somebody's own plan also have plan_git, see
# `campaign.Line`, made, when they were finished, and code, see `Setup.code_of`.
COLUMNS = [
    *("dataset", "size", "profile"),
    *ARM_COLUMNS,
    *("labels", "protocol", "epochs", "student", "teacher", "teacher_top1", "scorer", "taught_by"),
    *("precision", "layout"),
    *SEED_COLUMNS,
    *("top1", "top5", "per_class", "tests", "hits"),
    *("image_bytes", "label_bytes", "steps", "batch", "views"),
    *("seconds", "images_per_second", "make_seconds"),
    *("device", "git", "versions", "set_hash", "data_hash", "run_hash"),
]


@dataclass(frozen=True)
class Extra:
    """More that is measured of every trained network, beside its accuracy.

    Attributes:
        columns: names of what `measure` gives.
        measure: a trained network and the test images to a number per column.
        settings: what else the numbers depend on; part of the trial's name on disk, and columns.
        hard_only: it says nothing of students of soft labels.
        asked: images that it asks a network about, for a plan's seconds; one of whose pixels the
            gradient is taken counts twice.
    """

    columns: tuple[str, ...]
    measure: Callable[[nn.Module, ImageSet], dict[str, Any]]
    settings: dict[str, Any] = field(default_factory=dict)
    hard_only: bool = False
    asked: int = 0


def row_of(
    trial: Trial, setup: Setup, extra: Extra | None = None, wait: bool = True
) -> dict[str, Any]:
    """A trial's row, trained now or fetched; columns COLUMNS.

    A trial is named by the hash of what makes the set, the test set, the protocol, the network, the
    teacher, the seeds and the precision. One that was killed continues from its checkpoint.

    Args:
        trial: what is tried.
        setup: pool, test set, teacher and device.
        extra: what else is measured.
        wait: for another process that is training this very trial.

    Raises:
        Locked: another process is training it, and `wait` is False.
    """

    def make(home: Path) -> dict[str, Any]:
        soft = trial.protocol.labels != "hard"
        count, seed = trial.protocol.teachers, trial.seeds.teacher
        teacher = setup.teacher_of(count, seed) if soft else None
        stored = setup.set_of(trial, wait)
        checkpoint = home / "checkpoint.npz"
        result = evaluate(
            stored,
            setup.test,
            trial.protocol,
            [trial.seeds.training],
            trial.student,
            teacher=teacher,
            runtime=setup.runtime_of(trial.student),
            checkpoint=checkpoint,
            also=(lambda model: extra.measure(model, setup.test)) if extra else None,
        )
        checkpoint.unlink(missing_ok=True)
        give_back(setup.runtime.device)
        found = {name: result.rows[0][name] for name in extra.columns} if extra else {}
        taught = {
            "teacher": ", ".join(teacher.names) if teacher else "",
            "teacher_top1": round(teacher.test_top1 or 0, 2) if teacher else None,
        }
        where = {"device": device_name(setup.runtime.device), "tests": len(setup.test)}
        return _measured(result.rows[0]) | _of_set(stored, trial) | taught | where | found

    home = store.cached(runs_dir("train"), trial_config(trial, setup, extra), make, wait)
    return tried(trial, setup) | store.result_of(home) | {"run_hash": home.name}


def is_measured(trial: Trial, setup: Setup, extra: Extra | None = None) -> bool:
    """Whether a trial is on disk; trains nothing to find out."""
    return store.is_done(runs_dir("train") / run_hash(trial, setup, extra))


def run_hash(trial: Trial, setup: Setup, extra: Extra | None = None) -> str:
    """The hash of everything that was tried, of a row made with this code and this data."""
    return store.config_hash(trial_config(trial, setup, extra))


def made_elsewhere(trial: Trial, setup: Setup, extra: Extra | None = None) -> str:
    """Where a trial was made that is not made here, such as "a GPU in bf16"; "" where nowhere.

    A copy of another machine's runs may hold it. It is no row of this setup, for the runs that a
    table compares are made with one arithmetic.
    """
    other = copy.copy(setup)  # with the fingerprints that are known
    other.probed = False
    for kind, precision in itertools.product(DEVICES, PRECISIONS):
        other.runtime = replace(setup.runtime, device=torch.device(kind), precision=precision)
        if is_measured(trial, other, extra):
            return f"a {'CPU' if kind == 'cpu' else 'GPU'} in {precision}"
    return ""


def trial_config(trial: Trial, setup: Setup, extra: Extra | None = None) -> dict[str, Any]:
    """Everything that a trial's numbers depend on."""
    count, seed = trial.protocol.teachers, trial.seeds.teacher
    config = {
        "set": setup.set_key(trial),
        "test": setup.keys[1],
        "protocol": trial.protocol.as_dict(),
        "student": trial.student,
        "seed": trial.seeds.training,
        "precision": setup.runtime_of(trial.student).precision,
        "device": setup.runtime.device.type,
        "teacher": "" if trial.protocol.labels == "hard" else setup.teacher_key(count, seed),
        **models.network_code(trial.student),
    }
    return config | ({"extra": [*extra.columns, extra.settings]} if extra else {})


def tried(trial: Trial, setup: Setup) -> dict[str, Any]:
    """The columns that are known before anything is trained."""
    arm, protocol, method = trial.arm, trial.protocol, method_named(trial.arm.method)
    settings = method.fixed | setup.settings(arm)
    soft = protocol.labels != "hard"
    given = settings.get("scores")  # somebody's own, of which no seed is known
    ranked = "scoring_seed" in method.options and settings.get("order") != "random"
    scored = ranked and given is None
    runtime = setup.runtime_of(trial.student)
    return {
        "dataset": setup.pool.provenance.get("source", "?"),
        "size": setup.pool.size,
        "profile": setup.profile,
        "arm": arm.key,
        "method": arm.method,
        "family": method.family,
        "pool": arm.pool,
        "order": settings.get("order", ""),
        "skip": settings.get("skip", 0.0),
        "metric": (given.name if given else settings.get("metric", "")) if ranked else "",
        "grouping": settings.get("grouping", ""),
        "spectrum": settings.get("spectrum", ""),
        "teacher_norm": protocol.teacher_norm if soft else "",
        "budget": trial.ipc,
        **{name: getattr(protocol, name) for name in ("cutout", "mix", "loss", "labels", "epochs")},
        "protocol": protocol.name,
        "student": trial.student,
        "scorer": setup.pool.student if scored else "",
        "taught_by": taught_by(setup.networks()[0], setup.teacher_epochs) if trial.taught else "",
        "precision": runtime.precision,
        "layout": runtime.layout,
        "seed": trial.seed,
        "scoring_seed": trial.seeds.scoring if scored else None,
        "teacher_seed": trial.seeds.teacher if soft or "teacher_seed" in settings else None,
        "set_seed": trial.seeds.set,
        "training_seed": trial.seeds.training,
        "data_hash": data_hash(setup),
    }


def taught_by(network: str, epochs: int) -> str:
    """Network and length of a teacher, as the column says them; of an ensemble the first."""
    return f"{models.with_batch_norm(network)}, {epochs} epochs"


def data_hash(setup: Setup) -> str:
    """Of the images and labels of a setup's pool and test set."""
    return store.config_hash(setup.keys)


def _of_set(stored: ImageSet, trial: Trial) -> dict[str, Any]:
    """The columns that are read from the set itself."""
    made, count = stored.provenance, len(stored)
    seen = seen_as(stored, trial.protocol)
    originals = (stored.row_ids if stored.members is None else stored.members) >= 0
    return {
        "ipc": count // stored.num_classes,
        "grid": shape_text(stored.grid),
        "originals_per_class": int(originals.sum()) // stored.num_classes,
        "iterations": made.get("recipe", {}).get("iterations") if not trial.arm.pool else None,
        "view": seen.view,
        "crop_low": seen.scale[0],
        "crop_high": seen.scale[1],
        "make_seconds": made.get("make_seconds", 0.0),
        "image_bytes": image_bytes(stored),
        "label_bytes": label_bytes(trial.protocol, count, stored.num_classes),
        "set_hash": stored.fingerprint(),
    }


def _measured(row: dict[str, Any]) -> dict[str, Any]:
    """The columns that were measured in training, and where."""
    return {
        **{name: row[name] for name in ("top1", "top5", "hits", "steps", "batch", "views")},
        "per_class": " ".join(f"{value:.2f}" for value in row["per_class"]),
        "seconds": round(row["seconds"], 2),
        "images_per_second": round(row["views"] / row["seconds"], 1),
        "git": store.git_state(),
        "versions": store.versions_in_words(),
    }
