"""Observers: fixed networks that look at images, to measure how sure they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...data import released
from ...data.imagesets import IMAGENET_MEAN, IMAGENET_STD, ImageSet, Traits
from ...ground.device import Runtime
from ...train.accuracy import batch_at
from ...train.models import relatives
from ...train.teachers import Teacher, squeeze
from ..grid.setups import Setup

PRETRAINED = "efficientnet_b0"  # the observer of the paper's Figure 3
_SIDE = 224  # of the images that the pretrained observer was trained on
_BATCH = 250
# Sources whose labels are ImageNet-1K's, however their classes are named.
_IMAGENETS = ("imagenet-1k", "hub:ILSVRC/imagenet-1k", f"hub:{released.PREFIX}")
_ANOTHER = 2  # place in `relatives`: a ConvNet of double width, or EfficientNet-B0 for a ResNet


@dataclass(frozen=True)
class Observer:
    """A frozen network that looks at all images.

    Attributes:
        models: the network, or an ensemble; its answer is the mean of their logits.
        name: for figures and tables.
        runtime: where it computes; always in fp32, because bf16 rounds small entropies to 0.
        columns: int64 [C], its output for each class of the pool; None: they are the same.
        pretrained: normalise and resize the inputs again, as torchvision's weights need them.
    """

    models: tuple[nn.Module, ...]
    name: str
    runtime: Runtime
    columns: Tensor | None = None
    pretrained: bool = False

    @torch.no_grad()
    def logits(self, inputs: Tensor, traits: Traits) -> Tensor:
        """Answers to views, float32 [B, K] on the CPU; K is its own number of classes.

        Args:
            inputs: float [B, 3, T, T], normalised by `traits`.
            traits: of the set that the views come from.
        """
        side = _SIDE if self.pretrained else inputs.shape[-1]
        outputs = []
        for part in inputs.split(batch_at(side, self.runtime.device, _BATCH)):
            if self.pretrained:
                part = F.interpolate(_imagenet(part, traits), (_SIDE, _SIDE), mode="bilinear")
            part = part.to(self.runtime.device).contiguous(memory_format=self.runtime.memory_format)
            outputs.append(torch.stack([model(part) for model in self.models]).mean(0).float())
        return torch.cat(outputs).cpu()

    def targets(self, labels: Tensor) -> Tensor:
        """The pool's labels in the observer's own numbering, int64 [B]."""
        return labels if self.columns is None else self.columns[labels]


def _imagenet(inputs: Tensor, traits: Traits) -> Tensor:
    """The same images, normalised as torchvision's weights expect."""
    own, target = (
        [torch.tensor(v, device=inputs.device).view(3, 1, 1) for v in pair]
        for pair in ((traits.mean, traits.std), (IMAGENET_MEAN, IMAGENET_STD))
    )
    return (inputs * own[1] + own[0] - target[0]) / target[1]


def from_teacher(teacher: Teacher, runtime: Runtime) -> Observer:
    """An observer made of a network that the kit trained."""
    return Observer(teacher.models, ", ".join(teacher.names), runtime)


def observer_for(setup: Setup) -> Observer:
    """torchvision's pretrained EfficientNet-B0 where possible, else a network that the kit trains.

    The pretrained network knows ImageNet-1K. It is used when every class of the pool is known to be
    one of its classes (see `columns_of`) and its weights are on disk or can be fetched.
    The other is trained on the pool like a teacher, but with another architecture and seed than
    the setup's teacher: the teacher itself is no fair judge of images that were optimised until
    it was sure of them.
    """
    import torchvision

    known = torchvision.models.get_model_weights(PRETRAINED)["IMAGENET1K_V1"]
    source = setup.pool.provenance.get("source", "")
    columns = columns_of(setup.pool.classes, known.meta["categories"], source)
    if columns is not None:
        try:
            model = torchvision.models.get_model(PRETRAINED, weights=known)
        except (OSError, RuntimeError):  # no network, or a download cut short
            pass
        else:
            model = model.eval().requires_grad_(False).to(setup.runtime.device)
            return Observer((model,), f"{PRETRAINED}, pretrained", setup.runtime, columns, True)
    network = relatives(setup.networks()[0])[_ANOTHER]
    trained = squeeze(setup.pool, network, setup.teacher_epochs, seed=1, runtime=setup.runtime)
    return from_teacher(trained, setup.runtime)


def columns_of(
    classes: Sequence[str], categories: Sequence[str], source: str = ""
) -> Tensor | None:
    """Where each class stands among ImageNet-1K's categories, int64 [C]; None if that is not known.

    By name, as in Imagenette. By place, where there are as many classes as categories, and the
    source is ImageNet-1K or its classes are ImageNet-1K's WordNet ids in their order.

    Args:
        classes: names of the pool's classes.
        categories: names of the observer's outputs.
        source: of the pool, as `load` takes it.
    """
    # As it is written, too: "Cardigan" is a dog, "cardigan" is knitted.
    places = {name.lower(): k for k, name in enumerate(categories)}
    places |= {name: k for k, name in enumerate(categories)}
    spoken = [name.replace("_", " ") for name in classes]
    columns = [places.get(name, places.get(name.lower())) for name in spoken]
    if None not in columns:
        return torch.tensor(columns)
    in_order = source.startswith(_IMAGENETS) or _are_imagenets_ids(classes)
    known = len(classes) == len(categories) and in_order
    return torch.arange(len(categories)) if known else None


def _are_imagenets_ids(classes: Sequence[str]) -> bool:
    """Whether names are WordNet ids in increasing order, from ImageNet-1K's first to its last."""
    ids = all(re.fullmatch(r"n\d{8}", name) for name in classes)
    ends = (classes[0], classes[-1]) == ("n01440764", "n15075141")
    return ids and ends and list(classes) == sorted(set(classes))


def answers(teacher: Teacher, sets: dict[str, ImageSet], runtime: Runtime) -> pd.DataFrame:
    """What a teacher answers to sets: how much its answers vary from image to image.

    Where they hardly vary, a student can learn little, whatever the kind of labels.

    Args:
        teacher: gives the answers; it sees each image whole and without augmentation.
        sets: name -> set.
        runtime: device and precision.

    Returns:
        A row per set: classes (how many are ever the most likely), spread (sd of the logits over
        images, mean over classes), sure (mean probability of the most likely class, 0..1), right
        (share of images given their own label, percent).
    """
    rows = {}
    for name, images in sets.items():
        logits = teacher.logits_of(images, runtime)
        guesses = logits.argmax(1)
        rows[name] = {
            "classes": len(guesses.unique()),
            "spread": float(logits.std(0).mean()),
            "sure": float(logits.softmax(1).amax(1).mean()),
            "right": 100 * float((guesses == images.labels).float().mean()),
        }
    return pd.DataFrame.from_dict(rows, orient="index")
