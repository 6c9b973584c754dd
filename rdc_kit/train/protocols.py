"""The protocols that were published, and the kit's own for scores and teachers, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ..ground.names import check_known
from ..ground.own import ADDED
from .protocol import Protocol

if TYPE_CHECKING:
    import pandas as pd


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
    source = "arXiv 2502.06434, train_KD.py"
    return Protocol("hard_unmixed", source, loss="ce_unmixed", mix="cutmix").but(**changes)


def soft(**changes: Any) -> Protocol:
    """Soft labels, made during training: KL at T = 20 to a teacher's answer on the same pixels.

    Pixels are CutMixed. The rest is `hard`. KL is averaged over the batch ("batchmean"), and not
    multiplied by T^2.

    Source: standard_soft_config.yaml and train_KD.py of the released code of arXiv 2502.06434.
    """
    source = "arXiv 2502.06434, released code, soft labels"
    return Protocol("soft", source, "soft", "kl", mix="cutmix").but(**changes)


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
    return partial(soft, name=name, source=source, **changes)


# Each method's own protocol at ImageNet scale. A batch is never larger than the set.
# Differs: DeepCore pads and crops; crops of 0.5 to 1 stand for that; its cosine falls at each step.
# RDED reports the best test of its last fifth of epochs, normalises by ImageNet's colours, shows a
# batch to the student twice in train mode, has rates of its own for two networks, and from 1,000
# images on takes batches of 100 or 200; its crops have one least area for the run, ours that of the
# set's grid, so a set without a grid is never cropped by "rded". "fkd" takes the batch of
# `batch_size`, its code 1024. "tiny" here: Nesterov, no decay of 1-d weights.
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
        ValueError: unknown; the message names the nearest match. Or no function that returns one.
    """
    check_known("protocol", name, NAMED, ADDED)
    made = NAMED[name]() if callable(NAMED[name]) else NAMED[name]
    if made is NAMED[name] or not isinstance(made, Protocol):
        raise ValueError(
            f"protocols.NAMED[{name!r}] must be a function that returns a Protocol, such as "
            f"`lambda: protocols.hard(epochs=30)`, got a {type(made).__name__}"
        )
    return made


def side_by_side(*names: str) -> pd.DataFrame:
    """Protocols side by side, by default all of NAMED: only the fields that differ.

    Returns:
        A column per protocol, a row per field.
    """
    import pandas as pd  # late: it is slow, and only this function needs it

    table = pd.DataFrame({n: named(n).as_dict() for n in names or NAMED}).drop(index="name")
    return table[table.astype(str).nunique(axis=1) > 1]
