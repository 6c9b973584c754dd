"""Accuracy of a set: train on it, test the last epoch, once per seed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..augment.views import plain_view
from ..data.imagesets import DataError, ImageSet
from ..ground.runtime import Runtime, choose_runtime
from . import protocols
from .labels import Answer, StoredLabels
from .protocols import Protocol
from .training import fit


@torch.no_grad()
def predict(
    model: nn.Module, images: ImageSet, runtime: Runtime | None = None, batch: int = 256
) -> Tensor:
    """Logits of a set's images, whole and unaugmented.

    Returns:
        float32 [N, C] on the CPU, in the set's order. The model is left in eval mode.
    """
    runtime = runtime or choose_runtime()
    model.eval()
    found = []
    for start in range(0, len(images), batch):
        pixels = images.images[start : start + batch].to(runtime.device)
        inputs = plain_view(pixels, images.traits, images.size)
        inputs = inputs.contiguous(memory_format=runtime.memory_format)
        with runtime.autocast():
            found.append(model(inputs).float())
    return torch.cat(found).cpu()


@dataclass(frozen=True)
class Accuracy:
    """Accuracy on a test set, percent.

    Attributes:
        top1, top5: micro average over images (top5 is of min(5, C) guesses).
        per_class: top-1 of each class, length C; NaN for a class without test images.
    """

    top1: float
    top5: float
    per_class: list[float]


def accuracy(logits: Tensor, labels: Tensor, num_classes: int) -> Accuracy:
    """Score logits float [N, C] against labels int64 [N]."""
    guesses = logits.topk(min(5, num_classes), dim=1).indices
    hits = guesses == labels[:, None]
    first = hits[:, 0].double()
    sums = torch.zeros(num_classes, dtype=torch.float64).index_add_(0, labels, first)
    each = 100 * sums / torch.bincount(labels, minlength=num_classes)
    top5 = 100 * float(hits.any(1).double().mean())
    return Accuracy(100 * float(first.mean()), top5, each.tolist())


@dataclass(frozen=True)
class Result:
    """Accuracies of one set under one protocol, a row per seed.

    Attributes:
        rows: one dict per seed: seed, top1, top5, per_class, steps, batch, views, seconds.
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
    runtime: Runtime | None = None,
    checkpoint: Path | None = None,
    teacher: Answer | StoredLabels | None = None,
) -> Result:
    """Train on a set and test the last epoch's network, once per seed.

    Args:
        stored: the compressed set.
        test: the test images; they choose nothing.
        protocol: the recipe, `protocols.hard()` when left out.
        seeds: how many (0, 1, ...), or which.
        student: network name; the source's default when left out.
        runtime: device and precision.
        checkpoint: only with a single seed, see `fit`.
        teacher: for soft or stored labels, see `fit`.

    Raises:
        DataError: no test set, or one whose classes differ.
    """
    test = check_pair(stored, test)
    protocol = protocol or protocols.hard()
    runtime = runtime or choose_runtime()
    rows = []
    for seed in range(seeds) if isinstance(seeds, int) else seeds:
        fitted = fit(stored, protocol, student, seed, runtime, (), checkpoint, teacher)
        score = accuracy(predict(fitted.model, test, runtime), test.labels, test.num_classes)
        rows.append(
            {
                "seed": seed,
                "top1": score.top1,
                "top5": score.top5,
                "per_class": score.per_class,
                "last_loss": fitted.losses[-1],
                "steps": fitted.steps,
                "batch": fitted.batch,
                "views": fitted.views,
                "seconds": fitted.seconds,
            }
        )
    return Result(rows)


def check_pair(stored: ImageSet, test: ImageSet | None) -> ImageSet:
    """The test set, if it fits; to be called before any training.

    Raises:
        DataError: it is missing, or its classes or size differ.
    """
    if test is None:
        raise DataError(
            "there is no test set: add a val/ folder or a validation split (for the released "
            "ImageNet sets: set IMAGENET_VAL_DIR)"
        )
    if test.classes != stored.classes:
        raise DataError("training and test set name different classes (or in another order)")
    if test.size != stored.size:
        raise DataError(f"stored images have {stored.size} px, test images {test.size} px")
    return test
