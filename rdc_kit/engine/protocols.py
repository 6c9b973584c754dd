"""Protocols: the recipe that a stored set is judged by, as data."""

from __future__ import annotations

import difflib
import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from . import views
from .imagesets import ImageSet


@dataclass(frozen=True)
class Protocol:
    """How a network is trained on a set, complete with defaults.

    Attributes:
        name, source: what it is called and where it comes from.
        epochs: passes over the stored images; one view of each image per pass.
        batch: images per step; None follows `batch_size`.
        optimiser: "adamw" or "sgd" (Nesterov momentum 0.9).
        lr: learning rate at the first step.
        weight_decay: on tensors with two or more dimensions only.
        schedule: "cosine" per epoch down to 0, or "constant".
        view: "whole", "cell", "shuffle", "shuffle_full"; None takes the view the set asks for.
        crop: area of the random crop; None is (the source's smallest useful crop, 1).
        flip: mirror left to right, where the source says that this keeps the label.
        cutout: side of the blanked square as a fraction of the image; 0 for none.
        mix, mix_alpha: "none", "mixup" or "cutmix" on every batch; Beta(alpha, alpha).
    """

    name: str
    source: str
    epochs: int = 300
    batch: int | None = None
    optimiser: str = "adamw"
    lr: float = 1e-3
    weight_decay: float = 0.01
    schedule: str = "cosine"
    view: str | None = None
    crop: tuple[float, float] | None = None
    flip: bool = True
    cutout: float = 0.0
    mix: str = "none"
    mix_alpha: float = 1.0

    def but(self, **changes: Any) -> Protocol:
        """The same protocol with some values changed.

        Raises:
            ValueError: an unknown field (with the near match) or a value out of range.
        """
        known = [f.name for f in fields(self)]
        for key in changes:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f" - did you mean {near[0]!r}?" if near else f": use {', '.join(known)}"
                raise ValueError(f"a protocol has no {key!r}{hint}")
        return replace(self, **changes).checked()

    def checked(self) -> Protocol:
        """Itself, after validation.

        Raises:
            ValueError: a value out of range.
        """
        if self.epochs < 1 or (self.batch is not None and self.batch < 1) or self.lr <= 0:
            raise ValueError(
                f"epochs and batch must be at least 1 and lr above 0, got epochs={self.epochs}, "
                f"batch={self.batch}, lr={self.lr}"
            )
        choices = [
            ("optimiser", self.optimiser, ("adamw", "sgd")),
            ("schedule", self.schedule, ("cosine", "constant")),
            ("view", self.view, (None, *views.VIEWS)),
            ("mix", self.mix, views.MIXES),
        ]
        for what, value, allowed in choices:
            if value not in allowed:
                raise ValueError(f"unknown {what} {value!r}: use one of {allowed}")
        return self

    def lr_at(self, epoch: int) -> float:
        """Learning rate during an epoch, 0-based."""
        if self.schedule == "constant":
            return self.lr
        return self.lr * 0.5 * (1 + math.cos(math.pi * epoch / self.epochs))

    def as_dict(self) -> dict[str, Any]:
        """JSON-able form, part of every run's config."""
        return asdict(self)


def batch_size(protocol: Protocol, images: ImageSet) -> int:
    """Images per step: the protocol's own, or the stated rule for small sets.

    Sets of 1,000 images and more use the benchmark's 128. Smaller ones would see one step per
    epoch, so they follow RDED: 10, 50 or 100 for fewer than 10, fewer than 50, or more images per
    class, and never more than the set holds.

    Source: released YAML of arXiv 2502.06434; RDED, argument.py.
    """
    if protocol.batch is not None:
        wanted = protocol.batch
    elif len(images) >= 1000:
        wanted = 128
    else:
        per_class = len(images) / images.num_classes
        wanted = 10 if per_class < 10 else 50 if per_class < 50 else 100
    return min(wanted, len(images))


def hard(**changes: Any) -> Protocol:
    """Hard labels: cross-entropy from scratch, no teacher, accuracy of the last epoch.

    AdamW 1e-3, weight decay 0.01, cosine per epoch, 300 epochs, crops of 0.08 to 1, flip.
    Expect 40.6 % (n = 5, data/evidence) for the 10 easiest images per class of Imagenette at 64 px.

    Source: standard_hard_config.yaml and train_KD.py of the released code of arXiv 2502.06434.
    Differs: sets under 1,000 images take a smaller batch (see batch_size); the last batch of an
        epoch is filled up with images of the same epoch; bf16 where the processor has it.
    """
    return Protocol("hard", "arXiv 2502.06434, released code, hard labels").but(**changes)


def scoring(**changes: Any) -> Protocol:
    """The training run on the full pool that difficulty scores are read from.

    The learning rate is constant, so the first ten epochs are the same however long the run goes
    on: EL2N of epochs 0..9 does not depend on whether Forgetting asked for thirty.

    Source: summing over the first ten epochs of training-time outputs, arXiv 2210.15809 (code);
        a constant rate, arXiv 2001.10528.
    Differs: AdamW 1e-3 instead of SGD 0.1, so that it needs no tuning on a new image folder.
    """
    base = Protocol(
        "scoring", "arXiv 2210.15809, released code", epochs=10, batch=128, schedule="constant"
    )
    return base.but(**changes)
