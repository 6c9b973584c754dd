"""Accuracy of a set: train on it, test the last epoch, once per seed."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from ..data.checks import check_set
from ..data.imagesets import DataError, ImageSet
from ..ground.device import Runtime, choose_runtime
from ..ground.kinds import check_object
from ..ground.seeds import as_seeds
from . import protocols
from .accuracy import accuracy_of, pack
from .labels import Answer
from .protocol import Protocol
from .stored_labels import StoredLabels, store_labels
from .teachers import Teacher, check_teacher
from .training import Fitted, check_asked, fit


@dataclass(frozen=True)
class Result:
    """Accuracies of one set under one protocol, a row per seed.

    Attributes:
        rows: one dict per seed: seed, top1, top5, per_class, hits, steps, batch, views, seconds.
    """

    rows: list[dict[str, Any]]

    @property
    def mean(self) -> float:
        """Mean top-1 over seeds, percent."""
        return statistics.mean(row["top1"] for row in self.rows)

    @property
    def sd(self) -> float:
        """Sample standard deviation of top-1 over seeds; NaN for one seed."""
        values = [row["top1"] for row in self.rows]
        return statistics.stdev(values) if len(values) > 1 else float("nan")

    def __str__(self) -> str:
        spread = f" ± {self.sd:.1f}" if len(self.rows) > 1 else ""
        seeds = f"n = {len(self.rows)} seed{'s' * (len(self.rows) > 1)}"
        return f"top-1 {self.mean:.1f}{spread} % ({seeds}, {self.rows[0]['steps']} steps each)"


def evaluate(
    stored: ImageSet,
    test: ImageSet | None,
    protocol: Protocol | None = None,
    seeds: int | Sequence[int] = 3,
    student: str | None = None,
    *,
    teacher: Teacher | StoredLabels | None = None,
    runtime: Runtime | None = None,
    checkpoint: Path | str | None = None,
    also: Callable[[nn.Module], dict[str, Any]] | None = None,
) -> Result:
    """Train on a set and test the last epoch's network, once per seed.

    Args:
        stored: the compressed set.
        test: the test images; nothing is chosen by them.
        protocol: how to train; `protocols.hard()` by default.
        seeds: the number of seeds (0, 1, ...), or the seeds themselves.
        student: network name; the source's student by default.
        teacher: for soft labels, a teacher from `squeeze`. For stored labels, a teacher too (its
            labels are stored first, once for all seeds), or what `store_labels` returned.
        runtime: device and precision.
        checkpoint: only with a single seed, see `fit`.
        also: a function that measures more of each trained network; the seed's row gets its dict.

    Raises:
        DataError: no test set, or sets or a teacher that do not fit each other.
        ValueError: the protocol needs a teacher and none is given, or stored labels are, or one of
            another number of networks; no seeds or one of them twice, a checkpoint for several;
            labels that were stored for other views or epochs; or something is of another kind than
            meant.
    """
    test = check_pair(stored, test)
    protocol = protocols.hard() if protocol is None else protocol
    runtime = runtime or choose_runtime()
    check_asked(protocol, runtime)
    asked = as_seeds(seeds)
    if also is not None and not callable(also):
        raise ValueError(f"also must be a function of a trained network, got {also!r}")
    if checkpoint is not None and len(asked) > 1:
        raise ValueError("a checkpoint is of one training: evaluate one seed at a time with it")
    answers = _answers(stored, protocol, teacher, runtime)
    rows = []
    for seed in asked:
        fitted = fit(
            stored,
            protocol,
            student,
            seed,
            runtime,
            checkpoint=checkpoint,
            teacher=answers,
            teacher_key=teacher.key if teacher and answers else "",
        )
        row = {"seed": seed} | _measured(fitted, test, runtime)
        rows.append(row | (also(fitted.model) if also else {}))
    return Result(rows)


def _measured(fitted: Fitted, test: ImageSet, runtime: Runtime) -> dict[str, Any]:
    """A trained network's accuracy, and what the training took."""
    score = accuracy_of(fitted.model, test, runtime)
    return {
        "top1": score.top1,
        "top5": score.top5,
        "per_class": score.per_class,
        "hits": pack(score.hits),
        "steps": fitted.steps,
        "batch": fitted.batch,
        "views": fitted.views,
        "seconds": fitted.seconds,
    }


def _answers(
    stored: ImageSet,
    protocol: Protocol,
    teacher: Teacher | StoredLabels | None,
    runtime: Runtime,
) -> Answer | StoredLabels | None:
    """Where training gets answers: None for hard labels, else the teacher or its stored labels."""
    if not isinstance(teacher, StoredLabels | None):
        check_object("teacher", teacher, Teacher)
    if protocol.labels == "hard" or teacher is None:
        return None
    if isinstance(teacher, StoredLabels):
        if protocol.labels == "soft":
            raise ValueError(
                f"these are stored labels, and protocol {protocol.name!r} asks a teacher at each "
                "step: take them with protocol.but(labels='stored'), or give the Teacher itself"
            )
        return teacher
    check_teacher(stored, teacher, runtime)
    if (count := len(teacher.models)) != protocol.teachers:
        raise ValueError(
            f"protocol {protocol.name!r} asks teachers={protocol.teachers} networks, this teacher "
            f"has {count}: give one of as many, or take protocol.but(teachers={count})"
        )
    answer = teacher.answering(runtime, protocol.teacher_norm)
    if protocol.labels == "soft":
        return answer
    return store_labels(stored, protocol, answer, teacher.key, runtime)


def check_pair(stored: ImageSet, test: ImageSet | None) -> ImageSet:
    """Return the test set if it fits the stored set; call this before any training.

    It takes the stored set's traits: test images are normalised as the training images are, though
    they may come from a source of their own, with other means.

    Raises:
        DataError: it is missing, one of them is empty or none (see `check_set`), or classes or
            size differ. ValueError: one is no set, but both parts of a source, say.
    """
    if test is None:
        raise DataError(
            "there is no test set: add a val/ folder or a validation split, or hold a part out, "
            "pool, test = rdc_kit.data.holdout.hold_out(pool); for the released ImageNet sets: set "
            "IMAGENET_VAL_DIR"
        )
    for name, images in (("training", stored), ("test", test)):
        check_object(f"the {name} set", images, ImageSet)
        if not len(images):
            raise DataError(f"the {name} set is empty: keep at least one image")
        check_set(images)
    if test.classes != stored.classes:
        raise DataError(
            "training and test set name different classes, or in another order (a set of your own: "
            f"set.like(pool)): {', '.join(stored.classes[:3])} and {', '.join(test.classes[:3])}"
        )
    if test.size != stored.size:
        raise DataError(f"stored images have {stored.size} px, test images {test.size} px")
    return replace(test, traits=stored.traits)
