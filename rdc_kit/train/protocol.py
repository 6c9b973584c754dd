"""A protocol: how a network is trained on a stored set, as data."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np

from ..augment import views
from ..data.imagesets import ImageSet
from ..ground.kinds import check_kinds
from ..ground.names import check_known
from .ranges import check_numbers

LABELS = ("hard", "soft", "stored")
LOSSES = ("ce", "ce_unmixed", "kl", "mse")
SCHEDULES = ("cosine", "half_cosine", "constant")
NORMS = ("eval", "batch")  # of a teacher's batch norm
_OF_A_TEACHER = ("temperature", "times_t2", "hard_weight", "teachers", "teacher_norm")


@dataclass(frozen=True)
class Protocol:
    """How a network is trained on a set, complete with defaults.

    Attributes:
        name, source: its name and where it comes from.
        labels: "hard" (the set's own), "soft" (a teacher's answers during training, for exactly
            the pixels that the student sees) or "stored" (made before, see stored_labels.py).
        loss: for hard labels, "ce" (labels are mixed when pixels are) or "ce_unmixed" (labels are
            never mixed); for a teacher's answers, "kl" or "mse".
        temperature, times_t2: divides the logits; whether "kl" is multiplied by temperature**2.
        hard_weight: share of cross-entropy with hard labels that is added to a teacher's loss.
        teachers: networks whose mean logit is the teacher's answer.
        keep: share of stored labels that are kept; the rest are pruned, and labels are used again.
        epochs: passes over the stored images; one view of each image per pass.
        batch: images per step; None follows `batch_size`.
        optimiser: "adamw" or "sgd" (Nesterov momentum 0.9).
        lr: learning rate at the first step.
        weight_decay: on tensors with two or more dimensions only.
        schedule: per epoch; "cosine" down to 0, "half_cosine" down to half, or "constant".
        warmup: epochs of a linear rise to lr, before the schedule.
        view: "whole", "cell", "shuffle", "shuffle_full"; None takes the set's own view.
        crop: smallest and largest area of the random crop, as a fraction of the image or cell; None
            is (the source's smallest useful crop, 1), and "by_grid" is (1 / cells per side, 1).
        flip: mirror left to right, if the source's traits allow it.
        cutout: side of the blanked square as a fraction of the image; 0 for none.
        mix, mix_alpha: "none", "mixup" or "cutmix" on every batch; Beta(alpha, alpha). None is the
            released YAML's: 0.8 for Mixup, 1 for CutMix.
        teacher_norm: the teacher's batch norm while it answers: "eval", as released, or "batch".

    Raises:
        ValueError: a value out of range, or a loss unfit for the labels.
    """

    name: str
    source: str
    labels: str = "hard"
    loss: str = "ce"
    temperature: float = 20.0
    times_t2: bool = False
    hard_weight: float = 0.0
    teachers: int = 1
    keep: float = 1.0
    epochs: int = 300
    batch: int | None = None
    optimiser: str = "adamw"
    lr: float = 1e-3
    weight_decay: float = 0.01
    schedule: str = "cosine"
    warmup: int = 0
    view: str | None = None
    crop: tuple[float, float] | str | None = None
    flip: bool = True
    cutout: float = 0.0
    mix: str = "none"
    mix_alpha: float | None = None
    teacher_norm: str = "eval"

    def __post_init__(self) -> None:
        for name, value in vars(self).items():  # a list, or numpy's number, has another key
            plain = value.item() if isinstance(value, np.generic) else value
            object.__setattr__(self, name, tuple(plain) if isinstance(plain, list) else plain)
        self._check()

    @property
    def alpha(self) -> float:
        """Of the mixing weight's Beta(alpha, alpha)."""
        usual = 0.8 if self.mix == "mixup" else 1.0
        return usual if self.mix_alpha is None else self.mix_alpha

    def crop_of(self, grid: tuple[int, int], min_crop: float) -> tuple[float, float]:
        """Smallest and largest area of the random crop, for a set's grid and its source's crop."""
        if isinstance(self.crop, str):
            return 1 / max(grid), 1.0
        return self.crop or (min_crop, 1.0)

    def but(self, **changes: Any) -> Protocol:
        """The same protocol with some values changed.

        Raises:
            ValueError: a value out of range, or an unknown field; the message names its near match.
        """
        check_fields(changes)
        return replace(self, **changes)

    def _check(self) -> None:
        check_numbers(self.as_dict())
        check_kinds(self.name, {f.name: f.type for f in fields(self)}, self.as_dict())
        choices = [
            ("labels", self.labels, LABELS),
            ("loss", self.loss, LOSSES),
            ("optimiser", self.optimiser, ("adamw", "sgd")),
            ("schedule", self.schedule, SCHEDULES),
            ("view", self.view, (None, *views.VIEWS)),
            ("mix", self.mix, views.MIXES),
            ("teacher_norm", self.teacher_norm, NORMS),
        ]
        if isinstance(self.crop, str):
            choices.append(("crop", self.crop, ("by_grid",)))
        for what, value, allowed in choices:
            check_known(what, value, allowed)
        if (self.labels == "hard") != self.loss.startswith("ce"):
            raise ValueError(
                f"loss {self.loss!r} does not fit {self.labels} labels: hard labels take 'ce' or "
                "'ce_unmixed', a teacher's answers take 'kl' or 'mse'"
            )
        for name in _OF_A_TEACHER if self.labels == "hard" else ():
            if (value := getattr(self, name)) != getattr(Protocol, name):
                raise ValueError(
                    f"{name}={value} is about a teacher's answers, and hard labels have none: "
                    "leave it out, or take soft labels"
                )
        if self.keep < 1 and self.labels != "stored":
            raise ValueError(
                f"keep={self.keep:g} prunes stored labels, and {self.labels} ones are not stored: "
                "leave it out, or take labels='stored'"
            )

    def lr_at(self, epoch: int) -> float:
        """Learning rate during an epoch, 0-based."""
        if epoch < self.warmup:
            return self.lr * (epoch + 1) / self.warmup
        if self.schedule == "constant":
            return self.lr
        halves = 2 if self.schedule == "half_cosine" else 1
        progress = (epoch - self.warmup) / (self.epochs - self.warmup)
        return self.lr * 0.5 * (1 + math.cos(math.pi * progress / halves))

    def as_dict(self) -> dict[str, Any]:
        """A dict that JSON can hold; part of every run's config."""
        return asdict(self)


FIELDS = tuple(f.name for f in fields(Protocol))


def check_fields(names: Iterable[str]) -> None:
    """Reject a name that is not a field of a protocol.

    Raises:
        ValueError: the message names the nearest match.
    """
    for name in names:
        check_known("protocol field", name, FIELDS)


class Seen(NamedTuple):
    """How a training sees a set's images: the protocol decides, else the set, else its source.

    Attributes:
        view: "whole", "cell", "shuffle" or "shuffle_full".
        grid: rows and columns of the cells that the view is about; (1, 1) of "whole".
        scale: smallest and largest area of the random crop, as a fraction of the image or cell.
        flip: whether images are mirrored, which their source may forbid.
    """

    view: str
    grid: tuple[int, int]
    scale: tuple[float, float]
    flip: bool


def seen_as(images: ImageSet, protocol: Protocol) -> Seen:
    """How images are seen in a training by a protocol."""
    view, traits = protocol.view or images.view, images.traits
    grid = (1, 1) if view == "whole" else images.grid
    scale = protocol.crop_of(images.grid, traits.min_crop)
    return Seen(view, grid, scale, protocol.flip and traits.flip)


def batch_size(protocol: Protocol, count: int, classes: int) -> int:
    """Images per step: the protocol's own batch, or a rule by the size of the set.

    Sets of 1,000 images and more use the benchmark's 128. Smaller sets could have only one step
    per epoch, so they follow RDED: 10 below 10 images per class, 50 below 50, else 100. A batch is
    never larger than the set.

    Args:
        protocol: how to train. count, classes: images and classes of the set.

    Source: released YAML of arXiv 2502.06434; RDED, argument.py.
    """
    if protocol.batch is not None:
        batch = protocol.batch
    elif count >= 1000:
        batch = 128
    else:
        per_class = count / classes
        batch = 10 if per_class < 10 else 50 if per_class < 50 else 100
    return min(batch, count)
