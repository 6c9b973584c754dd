"""Images while they are recovered: what the teacher is shown of them, and their way to pixels."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..augment.boxes import random_crops
from ..augment.views import normalise
from ..data.imagesets import Traits
from .recipes import Recipe


def augment(
    images: Tensor, how: Recipe, traits: Traits, step: int, draws: torch.Generator
) -> Tensor:
    """What the teacher sees at one step: one crop, one flip, one roll for the whole batch.

    Source: SRe2L, recover/data_synthesis.py; the curriculum of crops, CDA (arXiv 2311.18838).
    """
    side = images.shape[-1]
    if how.crop:
        region = torch.tensor([[0, 0, side, side]])
        least = smallest_crop(how, traits, step)
        top, left, height, width = random_crops(region, (least, 1.0), generator=draws)[0].tolist()
        part = images[:, :, top : top + height, left : left + width]
        images = F.interpolate(
            part, (side, side), mode="bilinear", antialias=True, align_corners=False
        )
    if traits.flip and float(torch.rand((), generator=draws)) < 0.5:
        images = images.flip(3)
    if how.jitter:
        rolls = torch.randint(how.jitter + 1, (2,), generator=draws).tolist()
        images = images.roll(rolls, (2, 3))
    return images


def smallest_crop(how: Recipe, traits: Traits, step: int) -> float:
    """Lower bound of the crop's area at a step: the curriculum, then the source's smallest."""
    end = how.milestone * how.iterations
    if step >= end:
        return traits.min_crop
    return traits.min_crop + (1 - traits.min_crop) * 0.5 * (1 + math.cos(math.pi * step / end))


def crowding(images: Tensor, labels: Tensor) -> Tensor:
    """How alike the images of each class are: lower for a flatter spectrum of their Gram matrix.

    Args:
        images: float [B, 3, S, S]. labels: int64 [B].

    Returns:
        KL(softmax(l / 4) || softmax(l)) of the eigenvalues l, summed over classes with two or more
        images; no gradient flows through the first.

    Source: data densification, G-VBSM (arXiv 2311.17950).
    Differs: the Gram matrix is divided by the number of pixels. Undivided, its eigenvalues are in
        the thousands, both softmaxes are one-hot, and the term and its gradient are 0.
    """
    small = F.interpolate(images, (32, 32), mode="bilinear", antialias=True, align_corners=False)
    total = images.new_zeros(())
    for label in labels.unique():
        rows = small[labels == label].flatten(1)
        if len(rows) > 1:
            spectrum = torch.linalg.eigvalsh(rows @ rows.T / rows.shape[1])
            flat = F.softmax(spectrum.detach() / 4, 0)
            total = total + F.kl_div(F.log_softmax(spectrum, 0), flat, reduction="sum")
    return total


def pixel_range(traits: Traits, device: torch.device) -> tuple[Tensor, Tensor]:
    """Black and white in normalised units, [3, 1, 1] each."""
    ends = torch.tensor([0.0, 255.0], device=device).view(2, 1, 1, 1).expand(2, 3, 1, 1)
    low, high = normalise(ends, traits)
    return low, high


def to_pixels(images: Tensor, traits: Traits) -> Tensor:
    """Normalised float [B, 3, S, S] to uint8, rounded, on the CPU."""
    low, high = pixel_range(traits, images.device)
    return ((images - low) / (high - low) * 255).round().clamp(0, 255).to(torch.uint8).cpu()
