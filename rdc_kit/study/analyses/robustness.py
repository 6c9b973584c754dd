"""How robust a student is: common corruptions, a small attack, and its worst class.

All students of a comparison get the same images, the same noise and the same random starts.
Everything is measured in fp32.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...augment.views import plain_view
from ...data.imagesets import ImageSet, Traits
from ...ground.seeds import generator
from ...train.accuracy import Accuracy, accuracy
from ..grid.rows import Extra
from .corruptions import CORRUPTIONS, level

COLUMNS = (
    *("clean", "corrupted", *CORRUPTIONS, "pgd", "worst_class", "class_sd", "class_gap"),
    *("severity", "eps", "images"),
)
_BATCH = 100  # images; fixed, because the noise is drawn batch by batch
_STEPS = 10  # of the attack


def pgd(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    traits: Traits,
    eps: float,
    draws: torch.Generator | None = None,
) -> Tensor:
    """Change no pixel by more than `eps` so that the loss grows: projected gradient ascent.

    Args:
        model: on the images' device; this puts it in eval mode and computes in fp32.
        images: uint8 [B, 3, S, S].
        labels: int64 [B].
        traits: normalisation of the source.
        eps: largest change of a pixel on the scale 0..1; ten steps of a quarter of it are made.
        draws: for the random start, on any device; without it the image itself is the start.

    Returns:
        float32 [B, 3, S, S] in 0..1.

    Source: Madry et al., arXiv 1706.06083.
    """
    model.eval()
    clean = images / 255
    low, high = (clean - eps).clamp(0, 1), (clean + eps).clamp(0, 1)
    pixels = clean
    if draws is not None:
        start = torch.rand(clean.shape, generator=draws, device=draws.device).to(clean.device)
        pixels = (clean + (2 * start - 1) * eps).clamp(low, high)
    for _ in range(_STEPS):
        pixels = pixels.detach().requires_grad_()
        loss = F.cross_entropy(_ask(model, pixels, traits), labels, reduction="sum")
        (slope,) = torch.autograd.grad(loss, pixels)
        pixels = (pixels.detach() + slope.sign() * 2.5 * eps / _STEPS).clamp(low, high)
    return pixels


def _ask(model: nn.Module, pixels: Tensor, traits: Traits) -> Tensor:
    """Logits [B, C] of pixels float [B, 3, S, S] in 0..1, without autocast."""
    return model(plain_view(pixels * 255, traits)).float()


def stress(severity: int = 3, eps: float = 2 / 255, count: int = 500) -> Extra:
    """What an experiment measures besides accuracy: corruptions, a small attack, the worst class.

    Args:
        severity: of the corruptions, 1 to 5.
        eps: of the attack, on the scale 0..1.
        count: test images, drawn once for all students; all images where there are fewer.

    Returns:
        For `Experiment.extra`; columns COLUMNS.

    Raises:
        ValueError: a number is out of range.
    """
    level("jpeg", severity)
    if count < 1 or not 0 <= eps <= 1:
        raise ValueError(f"count must be at least 1 and eps in 0..1, got {count} and {eps}")
    settings = {"severity": severity, "eps": eps, "images": count}
    asked = count * (len(CORRUPTIONS) + 2 * _STEPS + 2)  # clean and attacked images too
    return Extra(COLUMNS, partial(_measured, settings), settings, hard_only=True, asked=asked)


def _measured(settings: dict[str, Any], model: nn.Module, test: ImageSet) -> dict[str, Any]:
    """What `stress` measures, of one network; a function of the module, so that workers find it."""
    rows = torch.randperm(len(test), generator=generator(0, "stress"))[: settings["images"]]
    values = stress_test(model, test[rows], settings["severity"], settings["eps"])
    rounded = {name: round(value, 3) for name, value in values.items()}
    return rounded | settings | {"images": len(rows)}


def stress_test(
    model: nn.Module, images: ImageSet, severity: int = 3, eps: float = 2 / 255
) -> dict[str, float]:
    """Measure how robust a trained network is.

    Args:
        model: on any device; it stays in eval mode afterwards.
        images: test images.
        severity, eps: see `stress`.

    Returns:
        Top-1 in percent: clean, corrupted (mean over the kinds), each kind of CORRUPTIONS, pgd. And
        from each class's top-1 on the clean images, in percent: worst_class, class_sd (over the
        classes, divided by their number) and class_gap (best minus worst).
    """
    model.eval()
    clean = _accuracy(model, images, lambda part: part.images / 255)
    each = {kind: _accuracy(model, images, _corrupted(kind, severity)).top1 for kind in CORRUPTIONS}
    classes = np.array(clean.per_class)[images.counts().numpy() > 0]
    return {
        "clean": clean.top1,
        "corrupted": float(np.mean(list(each.values()))),
        **each,
        "pgd": _accuracy(model, images, _attacked(model, eps)).top1,
        "worst_class": float(classes.min()),
        "class_sd": float(classes.std()),
        "class_gap": float(np.ptp(classes)),
    }


Change = Callable[[ImageSet], Tensor]  # images to what the model sees: float [B, 3, S, S], 0..1


def _corrupted(kind: str, severity: int) -> Change:
    draws = generator(0, "stress", kind)
    return lambda part: CORRUPTIONS[kind](part.images, severity, draws) / 255


def _attacked(model: nn.Module, eps: float) -> Change:
    draws, device = generator(0, "stress", "pgd"), next(model.parameters()).device

    def attacked(part: ImageSet) -> Tensor:
        images, labels = part.images.to(device), part.labels.to(device)
        return pgd(model, images, labels, part.traits, eps, draws=draws)

    return attacked


def _accuracy(model: nn.Module, images: ImageSet, change: Change) -> Accuracy:
    device, logits = next(model.parameters()).device, []
    for start in range(0, len(images), _BATCH):
        pixels = change(images[start : start + _BATCH]).to(device)
        with torch.no_grad():
            logits.append(_ask(model, pixels, images.traits).cpu())
    return accuracy(torch.cat(logits), images.labels, images.num_classes)
