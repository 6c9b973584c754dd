"""One run: a set, a protocol, a network and a seed to a row of the tidy table, kept on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...data.imagesets import ImageSet
from ...data.saving import image_bytes
from ...ground import store
from ...ground.runtime import Runtime, data_dir, device_name
from ...methods import METHODS
from ...train.evaluation import evaluate
from ...train.labels import Answer, StoredLabels, label_bytes, store_labels
from ...train.protocols import Protocol
from ...train.teachers import Teacher

# make_seconds: of recovering or cropping the set's images; the scoring run and the teacher, which
# all sets share, are not in it. label_bytes: see labels.label_bytes. teacher_top1: on the test set.
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
    "teacher",
    "teacher_top1",
    "seed",
    "set_seed",
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
    "make_seconds",
    "device",
    "precision",
    "git",
    "versions",
    "config_hash",
]


@dataclass(frozen=True)
class Asked:
    """A teacher as a run needs it.

    Attributes:
        teacher: the network or networks.
        top1: accuracy on the test set, percent: the ceiling of what it can teach.
    """

    teacher: Teacher
    top1: float


def train_once(
    stored: ImageSet,
    test: ImageSet,
    protocol: Protocol,
    student: str | None,
    seed: int,
    runtime: Runtime,
    asked: Asked | None = None,
    test_key: str = "",
) -> dict[str, Any]:
    """One run: a row of the tidy table, from the store when this very run was made before.

    A run is named by the hash of the set's pixels and labels, the test set's, the protocol, the
    network, the teacher, the seed and the precision. A run that was killed continues from its
    checkpoint.

    Args:
        stored, test: the set, and the images that it is judged on.
        protocol: the recipe.
        student: network; the source's default when left out.
        seed: root of the training's seed tree.
        runtime: device and precision.
        asked: the teacher, for soft and stored labels.
        test_key: fingerprint of `test`, where the caller knows it already.

    Raises:
        ValueError: the protocol needs a teacher and there is none.
    """
    if protocol.labels != "hard" and asked is None:
        raise ValueError(f"protocol {protocol.name!r} needs a teacher: rdc.squeeze(pool) makes one")
    student = student or stored.traits.student
    key = asked.teacher.key if asked is not None and protocol.labels != "hard" else ""
    test_key = test_key or test.fingerprint()
    config = run_config(stored.fingerprint(), test_key, protocol, student, seed, runtime, key)

    def make(home: Path) -> dict[str, Any]:
        checkpoint = home / "checkpoint.pt"
        teacher = _ready(stored, protocol, asked, runtime)
        result = evaluate(stored, test, protocol, [seed], student, runtime, checkpoint, teacher)
        checkpoint.unlink(missing_ok=True)
        row = result.rows[0]
        helped = asked if protocol.labels != "hard" else None
        return {
            **_facts(stored, protocol),
            **{k: row[k] for k in ("top1", "top5", "steps", "batch", "views")},
            "per_class": [round(value, 2) for value in row["per_class"]],
            "seconds": round(row["seconds"], 2),
            "images_per_second": round(row["views"] / row["seconds"], 1),
            "student": student,
            "teacher": ", ".join(helped.teacher.names) if helped else "",
            "teacher_top1": round(helped.top1, 2) if helped else None,
            "seed": seed,
            "device": device_name(runtime.device),
            "precision": runtime.precision,
            "git": store.git_state(),
            "versions": " ".join(f"{k}={v}" for k, v in store.versions().items()),
            "config_hash": home.name,
        }

    return store.cached(train_dir(), config, make)


def run_config(
    stored_key: str,
    test_key: str,
    protocol: Protocol,
    student: str,
    seed: int,
    runtime: Runtime,
    teacher_key: str,
) -> dict[str, Any]:
    """What names a run. The key of a set covers the view that it asks for."""
    return {
        "stored": stored_key,
        "test": test_key,
        "protocol": protocol.as_dict(),
        "student": student,
        "seed": seed,
        "precision": runtime.precision,
        "device": runtime.device.type,
        "teacher": teacher_key,
    }


def train_dir() -> Path:
    """Where finished runs are."""
    return data_dir() / "runs" / "train"


def _ready(
    stored: ImageSet, protocol: Protocol, asked: Asked | None, runtime: Runtime
) -> Answer | StoredLabels | None:
    if asked is None or protocol.labels == "hard":
        return None
    answer = asked.teacher.answering(runtime)
    if protocol.labels == "soft":
        return answer
    # One labelling for all seeds, as published: it belongs to the set, and can be large.
    return store_labels(stored, protocol, answer, asked.teacher.key, runtime)


def _facts(stored: ImageSet, protocol: Protocol) -> dict[str, Any]:
    made = stored.provenance
    method = made.get("method", "?")
    family = METHODS[method].family if method in METHODS else "?"
    return {
        "dataset": made.get("source", "?"),
        "size": stored.size,
        "method": method,
        "family": family,
        "ipc": len(stored) // stored.num_classes,  # as stored, whatever was asked for
        "grid": "x".join(str(n) for n in stored.grid),
        "view": protocol.view or stored.view,
        "labels": protocol.labels,
        "protocol": protocol.name,
        "epochs": protocol.epochs,
        "set_seed": made.get("seed", 0),
        "make_seconds": made.get("make_seconds", 0.0),
        "image_bytes": image_bytes(stored),
        "label_bytes": label_bytes(protocol, len(stored), stored.num_classes),
    }
