"""Protocols: how a network is trained on a stored set, as data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..augment import views
from ..ground.kinds import check_kinds
from ..ground.names import unknown
from ..ground.own import ADDED
from .ranges import check_numbers

if TYPE_CHECKING:
    import pandas as pd

LABELS = ("hard", "soft", "stored")
LOSSES = ("ce", "ce_unmixed", "kl", "mse")
SCHEDULES = ("cosine", "half_cosine", "constant")


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
        plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in changes.items()}
        return replace(self, **plain).checked()

    def checked(self) -> Protocol:
        """The same protocol; ValueError for a value out of range or a loss unfit for the labels."""
        check_numbers(self.as_dict())
        check_kinds(self.name, {f.name: f.type for f in fields(self)}, self.as_dict())
        choices = [
            ("labels", self.labels, LABELS),
            ("loss", self.loss, LOSSES),
            ("optimiser", self.optimiser, ("adamw", "sgd")),
            ("schedule", self.schedule, SCHEDULES),
            ("view", self.view, (None, *views.VIEWS)),
            ("mix", self.mix, views.MIXES),
            ("teacher_norm", self.teacher_norm, ("eval", "batch")),
        ]
        if isinstance(self.crop, str):
            choices.append(("crop", self.crop, ("by_grid",)))
        for what, value, allowed in choices:
            if value not in allowed:
                raise ValueError(f"unknown {what} {value!r}: use one of {allowed}")
        if (self.labels == "hard") != self.loss.startswith("ce"):
            raise ValueError(
                f"loss {self.loss!r} does not fit {self.labels} labels: hard labels take 'ce' or "
                "'ce_unmixed', a teacher's answers take 'kl' or 'mse'"
            )
        return self

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
        if name not in FIELDS:
            raise ValueError(unknown("protocol field", name, FIELDS))


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


def hard(**changes: Any) -> Protocol:
    """Hard labels: cross-entropy from scratch, no teacher, accuracy of the last epoch.

    AdamW 1e-3, weight decay 0.01, cosine per epoch, 300 epochs, crops of 0.08 to 1, flip.
    Expect 39.4 % (n = 10, data/evidence) by ConvNet-4 for the 10 easiest images per class of
    Imagenette at 64 px.

    Source: standard_hard_config.yaml and train_KD.py of the released code of arXiv 2502.06434.
    Differs: sets under 1,000 images take a smaller batch (see batch_size); the last batch of an
        epoch is filled up with images of the same epoch; bf16 where the processor has it.
    """
    return Protocol("hard", "arXiv 2502.06434, released code, hard labels").but(**changes)


def hard_unmixed(**changes: Any) -> Protocol:
    """Hard labels with CutMix on the pixels and not on the labels: a mistake of the released code.

    The released code does this for `--hard` with a mix: a mixed image gets the label of one class.

    Source: train_KD.py:257-274 of the released code of arXiv 2502.06434.
    """
    base = Protocol("hard_unmixed", "arXiv 2502.06434, train_KD.py", loss="ce_unmixed")
    return base.but(mix="cutmix").but(**changes)


def soft(**changes: Any) -> Protocol:
    """Soft labels, made during training: KL at T = 20 to a teacher's answer on the same pixels.

    Pixels are CutMixed. The rest is `hard`. KL is averaged over the batch ("batchmean"), and not
    multiplied by T^2.

    Source: standard_soft_config.yaml and train_KD.py of the released code of arXiv 2502.06434.
    """
    base = Protocol("soft", "arXiv 2502.06434, released code, soft labels", "soft", "kl")
    return base.but(mix="cutmix").but(**changes)


def scoring(**changes: Any) -> Protocol:
    """The training run on the full pool that gives the difficulty scores.

    The learning rate is constant, so the first ten epochs are the same for any length of the run:
    EL2N of epochs 0..9 is the same in a run of thirty epochs for Forgetting.

    Source: summing over the first ten epochs of training-time outputs, arXiv 2210.15809 (code);
        a constant rate, arXiv 2001.10528.
    Differs: AdamW 1e-3 instead of SGD 0.1, so that it needs no tuning on a new image folder; random
        crops (RandomResizedCrop) at all sizes, where these codes pad and crop 32 px images.
    """
    base = Protocol(
        "scoring", "arXiv 2210.15809, released code", epochs=10, batch=128, schedule="constant"
    )
    return base.but(**changes)


def squeezing(**changes: Any) -> Protocol:
    """The training of a teacher on the full pool, and the full-data reference for gaps.

    Source: SRe2L (arXiv 2306.13092) squeezes in 200 epochs of SGD at 32 px, 50 at 64 px.
    Differs: AdamW 1e-3, a cosine over 30 epochs and random crops at all sizes, so that it needs no
        tuning on a new folder. So short a full-data reference is low, and gaps to it (HLR) small.
    """
    return Protocol("squeeze", "arXiv 2306.13092, shorter", epochs=30, batch=128).but(**changes)


def _own(name: str, source: str, **changes: Any) -> Callable[[], Protocol]:
    return lambda: soft(name=name, source=source).but(**changes)


# Each method's own protocol at ImageNet scale. A batch is never larger than the set.
# Differs: DeepCore pads and crops; crops of 0.5 to 1 stand for that; its cosine falls at each step.
# RDED reports the best test of its last fifth of epochs, normalises by ImageNet's colours, shows a
# batch to the student twice in train mode, has rates of its own for two networks, and from 1,000
# images on takes batches of 100 or 200. "tiny" here: Nesterov, no decay of 1-d weights.
NAMED: dict[str, Callable[[], Protocol]] = {
    "hard": hard,
    "soft": soft,
    "hard_unmixed": hard_unmixed,
    "sre2l": _own("sre2l", "VILA-Lab/SRe2L, validate/train_FKD.sh", batch=1024),
    "cda": _own("cda", "VILA-Lab/SRe2L, CDA", batch=128),
    "dwa": _own("dwa", "AngusDujw/Diversity-Driven-Synthesis, run_imgnet.sh", batch=128),
    "fkd": _own("fkd", "VILA-Lab/SRe2L, relabel/ and train_FKD", labels="stored"),
    "lpld": _own(
        "lpld",
        "he-y/soft-label-pruning, main_table_in1k.sh, 40x",
        batch=128,
        labels="stored",
        keep=0.025,
    ),
    "gvbsm": _own(
        "gvbsm",
        "shaoshitong/G_VBSM, train_FKD",
        batch=1024,
        loss="mse",
        hard_weight=0.1,
        teachers=4,
    ),
    "rded": _own(
        "rded",
        "LINs-lab/RDED, validation/main.py",
        schedule="half_cosine",
        view="shuffle",
        crop="by_grid",
    ),
    "tiny": _own(
        "tiny",
        "zeyuanyin/tiny-imagenet, train_kd.py (SRe2L at 64 px); batch of he-y/soft-label-pruning",
        batch=64,
        epochs=100,
        optimiser="sgd",
        lr=0.2,
        weight_decay=1e-4,
        warmup=5,
        times_t2=True,
        mix="none",
    ),
    "deepcore": lambda: hard(
        name="deepcore",
        source="PatrickZH/DeepCore, main.py",
        batch=128,
        epochs=200,
        optimiser="sgd",
        lr=0.1,
        weight_decay=5e-4,
        crop=(0.5, 1.0),
    ),
}


def named(name: str) -> Protocol:
    """A protocol by its name.

    Raises:
        ValueError: unknown; the message names the nearest match.
    """
    if name not in NAMED:
        raise ValueError(unknown("protocol", name, NAMED, ADDED))
    return NAMED[name]()


def side_by_side(*names: str) -> pd.DataFrame:
    """Protocols side by side, by default all of NAMED: only the fields that differ.

    Returns:
        A column per protocol, a row per field.
    """
    import pandas as pd  # late: it is slow, and only this function needs it

    table = pd.DataFrame({n: named(n).as_dict() for n in names or NAMED}).drop(index="name")
    return table[table.astype(str).nunique(axis=1) > 1]
