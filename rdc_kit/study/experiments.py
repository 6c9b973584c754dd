"""Experiments: sets judged under one protocol, run by run, each run kept and never made twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ..compress.methods import METHODS, compress
from ..engine import protocols, store
from ..engine.evaluation import check_pair, evaluate
from ..engine.formats import image_bytes
from ..engine.imagesets import ImageSet
from ..engine.progress import bar
from ..engine.protocols import Protocol
from ..engine.runtime import Runtime, choose_runtime, data_dir, device_name

COLUMNS = [
    "arm",
    "dataset",
    "size",
    "method",
    "family",
    "ipc",
    "grid",
    "view",
    "labels",
    "protocol",
    "epochs",
    "student",
    "seed",
    "top1",
    "top5",
    "per_class",
    "image_bytes",
    "label_bytes",
    "steps",
    "batch",
    "views",
    "seconds",
    "images_per_second",
    "device",
    "precision",
    "git",
    "versions",
    "config_hash",
]


@dataclass(frozen=True)
class Arm:
    """One line of a comparison: how the set is made, and how training sees it.

    Attributes:
        name: what figures and tables call it.
        method: key of the method registry.
        options: the method's options.
        view: "whole", "cell" or "shuffle"; None for the view the set asks for.
    """

    name: str
    method: str
    options: dict[str, Any] = field(default_factory=dict)
    view: str | None = None


def pca_arms(grid: int = 2) -> list[Arm]:
    """Prune, combine and augment taken apart, all at equal storage, with the controls.

    The last arm is the control that a look at the others lacks: the same composites and the same
    view, with originals drawn at random, so that combining is not credited to pruning.
    """
    composite = {"grid": grid}
    return [
        Arm("random", "random"),
        Arm("easiest", "el2n", {"order": "easy"}),
        Arm("hardest", "el2n", {"order": "hard"}),
        Arm("easiest, combined, seen whole", "pca", composite, "whole"),
        Arm("easiest, combined, shuffled", "pca", composite, "shuffle"),
        Arm("easiest, combined, extracted", "pca", composite, "cell"),
        Arm("random, combined, extracted", "pca", composite | {"order": "random"}, "cell"),
    ]


def compare(
    arms: Sequence[Arm],
    pool: ImageSet,
    test: ImageSet | None,
    ipc: int,
    seeds: int | Sequence[int] = 3,
    protocol: Protocol | None = None,
    student: str | None = None,
    runtime: Runtime | None = None,
    **method_options: Any,
) -> pd.DataFrame:
    """Make each arm's set and train on it, once per seed.

    A seed is the root of both the set's randomness and the training's. Difficulty scores come from
    one scoring run, so the spread covers training and the drawing of random sets, not scoring.

    Args:
        arms: the lines to compare.
        pool, test: from `load`.
        ipc: stored images per class.
        seeds: how many, or which.
        protocol: the recipe; hard labels when left out.
        student, runtime: as in `fit`.
        method_options: passed to every method that is not the "random" or "noise" baseline,
            such as epochs=2 for the scoring run.

    Returns:
        The tidy table, one row per arm and seed, columns COLUMNS; top1, top5 and per_class (one
        number per class, separated by spaces) in percent.
    """
    test = check_pair(pool, test)
    protocol = protocol or protocols.hard()
    runtime = runtime or choose_runtime()
    numbers = range(seeds) if isinstance(seeds, int) else seeds
    rows = []
    for arm, seed in bar([(a, s) for s in numbers for a in arms], "runs"):
        shared = {} if METHODS[arm.method].family == "baseline" else method_options
        stored = compress(arm.method, pool, ipc, seed, runtime, **(arm.options | shared))
        row = train_once(stored, test, protocol.but(view=arm.view), student, seed, runtime)
        each = " ".join(f"{value:.2f}" for value in row["per_class"])
        rows.append({"arm": arm.name} | row | {"per_class": each})
    return pd.DataFrame(rows)[COLUMNS]


def train_once(
    stored: ImageSet,
    test: ImageSet,
    protocol: Protocol,
    student: str | None,
    seed: int,
    runtime: Runtime,
) -> dict[str, Any]:
    """One run: a row of the tidy table, from the store when this very run was made before.

    A run is named by the hash of the set's pixels and labels, the test set's, the protocol, the
    network, the seed and the precision. A run that was killed continues from its checkpoint.
    """
    student = student or stored.traits.student
    config = {
        "stored": stored.fingerprint(),
        "view": stored.view,
        "test": test.fingerprint(),
        "protocol": protocol.as_dict(),
        "student": student,
        "seed": seed,
        "precision": runtime.precision,
        "device": runtime.device.type,
    }

    def make(home: Path) -> dict[str, Any]:
        checkpoint = home / "checkpoint.pt"
        result = evaluate(stored, test, protocol, [seed], student, runtime, checkpoint).rows[0]
        checkpoint.unlink(missing_ok=True)
        return {
            **_facts(stored, protocol),
            **{k: result[k] for k in ("top1", "top5", "steps", "batch", "views")},
            "per_class": [round(value, 2) for value in result["per_class"]],
            "seconds": round(result["seconds"], 2),
            "images_per_second": round(result["views"] / result["seconds"], 1),
            "student": student,
            "seed": seed,
            "device": device_name(runtime.device),
            "precision": runtime.precision,
            "git": store.git_state(),
            "versions": " ".join(f"{k}={v}" for k, v in store.versions().items()),
            "config_hash": home.name,
        }

    return store.cached(data_dir() / "runs" / "train", config, make)


def _facts(stored: ImageSet, protocol: Protocol) -> dict[str, Any]:
    made = stored.provenance
    return {
        "dataset": made.get("source", "?"),
        "size": stored.size,
        "method": made.get("method", "?"),
        "family": made.get("family", "?"),
        "ipc": made.get("ipc", len(stored) / stored.num_classes),
        "grid": "x".join(str(n) for n in stored.grid),
        "view": protocol.view or stored.view,
        "labels": "hard",
        "protocol": protocol.name,
        "epochs": protocol.epochs,
        "image_bytes": image_bytes(stored),
        "label_bytes": len(stored) * (1 if stored.num_classes <= 256 else 2),
    }
