"""What a network sees of a stored image: batched augmentation on the device.

A view is a function `view(images, labels, generator) -> (inputs, targets)`: uint8 [B, 3, S, S] and
int64 [B] in, normalised float32 [B, 3, T, T] and targets out. Targets are the labels, or, after
Mixup and CutMix, class probabilities float32 [B, C].
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.checks import check_count
from ..data.imagesets import VIEWS, Traits
from ..ground.kinds import check_object
from ..ground.names import check_known
from .boxes import Grid, as_grid, cell_boxes, crop_resize, random_crops

View = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]
MIXES = ("none", "mixup", "cutmix")


def make_view(
    traits: Traits,
    size: int,
    view: str = "whole",
    grid: Grid = 1,
    scale: tuple[float, float] = (0.08, 1.0),
    *,
    flip: bool = True,
    cutout: float = 0.0,
    mix: str = "none",
    mix_alpha: float = 1.0,
    num_classes: int = 0,
) -> View:
    """Compose a training view.

    Args:
        traits: the source's normalisation; images are flipped only if its `flip` allows it.
        size: side T of the result, pixels.
        view: "whole" (random crop of the whole image), "cell" (patch extraction: random crop
            inside one random cell), "shuffle" (cells permuted, then a random crop of the whole;
            columns and rows separately, as RDED does), "shuffle_full" (any permutation).
        grid: cells of the stored images, n or (rows, columns).
        scale: area of the random crop, as a fraction of the image or of the cell.
        flip: mirror left to right with probability 1/2.
        cutout: side of the square that is blanked, as a fraction of T; 0 for none.
        mix: "none", "mixup" or "cutmix", on every batch.
        mix_alpha: Beta(alpha, alpha) of the mixing weight.
        num_classes: needed by mix.

    Raises:
        ValueError: an unknown name or a number out of range.

    Source: patch extraction and Cutout, arXiv 2502.06434 section 3; shuffling, arXiv 2312.03526.
    """
    check_object("traits", traits, Traits)
    check_count("size", size)
    _check(view, mix, scale, cutout, mix_alpha, num_classes)
    cells = as_grid(grid)
    mirror = flip and traits.flip

    def seen(images: Tensor, labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        if view.startswith("shuffle"):
            images = shuffle_cells(images, cells, generator, full=view == "shuffle_full")
        inside = cells if view == "cell" else (1, 1)
        crops, mirrored = draw_crops(images, inside, scale, mirror, generator)
        inputs = normalise(crop_resize(images, crops, size, mirrored), traits)
        if cutout:
            inputs = blank_squares(inputs, cutout, generator)
        if mix == "none":
            return inputs, labels
        blend = mixup if mix == "mixup" else cutmix
        return blend(inputs, labels, num_classes, mix_alpha, generator)

    return seen


def draw_crops(
    images: Tensor,
    cells: tuple[int, int],
    scale: tuple[float, float],
    flip: bool,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor | None]:
    """Where to crop each image, inside one random cell, and whether to mirror it.

    Returns:
        Boxes int64 [B, 4] (top, left, height, width), and bool [B] or None when nothing is flipped.
    """
    count, side = len(images), images.shape[-1]
    if cells == (1, 1):
        regions = _cells(side, cells, images.device).expand(count, 4)
    else:
        regions = random_cells(count, side, cells, generator)
    boxes = random_crops(regions, scale, generator=generator)
    if not flip:
        return boxes, None
    return boxes, torch.rand(count, generator=generator, device=images.device) < 0.5


def _check(
    view: str,
    mix: str,
    scale: tuple[float, float],
    cutout: float,
    mix_alpha: float,
    num_classes: int,
) -> None:
    check_known("view", view, VIEWS)
    check_known("mix", mix, MIXES)
    if len(scale) != 2 or not 0 < scale[0] <= scale[1] <= 1:
        raise ValueError(f"crop scale must be 0 < low <= high <= 1, got {scale}")
    if not 0 <= cutout <= 1:
        raise ValueError(f"cutout must be a fraction of the side, 0 to 1, got {cutout}")
    if not 0 < mix_alpha < math.inf:
        raise ValueError(f"mix_alpha must be a number above 0, got {mix_alpha}")
    if mix != "none" and num_classes < 2:
        raise ValueError(f"mix={mix!r} needs num_classes")


def plain_view(images: Tensor, traits: Traits) -> Tensor:
    """The view for tests: the whole image, normalised."""
    return normalise(images.float(), traits)


def normalise(pixels: Tensor, traits: Traits) -> Tensor:
    """Pixels 0..255, float [B, 3, T, T], to zero mean and unit sd per channel of the source."""
    mean, std = _statistics(traits, pixels.device)
    return (pixels - mean) / std


def denormalised(inputs: Tensor, traits: Traits) -> Tensor:
    """Pixels of normalised inputs on the CPU: float [B, 3, S, S] to float, as a rule in 0..255."""
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (traits.mean, traits.std))
    return (inputs * std + mean) * 255


# Cached per device: each new tensor from Python numbers would wait for the device.
@functools.cache
def _statistics(traits: Traits, device: torch.device) -> tuple[Tensor, Tensor]:
    mean, std = (torch.tensor(v, device=device) for v in (traits.mean, traits.std))
    return mean.view(3, 1, 1) * 255, std.view(3, 1, 1) * 255


@functools.cache
def _cells(side: int, grid: tuple[int, int], device: torch.device) -> Tensor:
    return cell_boxes(side, grid).to(device)


def random_cells(
    count: int, side: int, grid: tuple[int, int], generator: torch.Generator
) -> Tensor:
    """The box of one uniformly drawn cell per image, int64 [count, 4]."""
    boxes = _cells(side, grid, generator.device)
    indices = torch.randint(len(boxes), (count,), generator=generator, device=generator.device)
    return boxes[indices]


def shuffle_cells(
    images: Tensor, grid: Grid, generator: torch.Generator, full: bool = False
) -> Tensor:
    """Permute the cells of each image.

    Args:
        images: [B, 3, S, S], any dtype.
        grid: n or (rows, columns).
        generator: on the images' device.
        full: any permutation of the cells. Otherwise columns are permuted, then rows: 4 of the 24
            arrangements of 2 x 2, as in RDED's released code.

    Returns:
        The same shape and dtype. Where the cells differ in size by a pixel, a moved cell is
        stretched by that pixel.

    Source: RDED (arXiv 2312.03526), validation/utils.py, ShufflePatches.
    """
    side, device = images.shape[-1], images.device
    rows, columns = as_grid(grid, side)
    boxes = _cells(side, (rows, columns), device)

    def permutations(n: int) -> Tensor:
        draws = torch.rand(len(images), n, generator=generator, device=device)
        return draws.argsort(dim=1)

    if full:
        source = permutations(rows * columns)
    else:
        column, row = permutations(columns), permutations(rows)
        source = (row[:, :, None] * columns + column[:, None, :]).flatten(1)
    top, left, height, width = boxes.unbind(1)
    y = torch.arange(side, device=device)
    in_row = (y[:, None] >= top[None, ::columns]).sum(1) - 1
    in_column = (y[:, None] >= left[None, :columns]).sum(1) - 1
    cell = in_row[:, None] * columns + in_column[None, :]  # [S, S], the cell of each target pixel
    old = source[:, cell]  # [B, S, S], the cell whose pixels fill it
    y_old = top[old] + (y[:, None] - top[cell]) * height[old] // height[cell]
    x_old = left[old] + (y[None, :] - left[cell]) * width[old] // width[cell]
    flat = (y_old * side + x_old).flatten(1)[:, None, :].expand(-1, images.shape[1], -1)
    return images.flatten(2).gather(2, flat).view_as(images)


def blank_squares(inputs: Tensor, fraction: float, generator: torch.Generator) -> Tensor:
    """Cutout: zero one square per image, at its own place; after normalising, 0 is the mean colour.

    Args:
        inputs: float [B, 3, T, T].
        fraction: side of the square over T. Its centre is uniform, so it may be cut by the border.

    Source: DeVries and Taylor, arXiv 1708.04552.
    Differs: the benchmark's released code draws one square for the whole batch.
    """
    count, side, device = len(inputs), inputs.shape[-1], inputs.device
    half = fraction * side / 2
    centres = torch.rand(2, count, 1, generator=generator, device=device) * side
    at = torch.arange(side, device=device) + 0.5
    y, x = ((at - centres[k]).abs() < half for k in (0, 1))
    return inputs * ~(y[:, None, :, None] & x[:, None, None, :])


def mixup(
    inputs: Tensor, labels: Tensor, num_classes: int, alpha: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Blend each image with another of the batch, and the labels in the same way.

    Returns:
        inputs [B, 3, T, T] and class probabilities [B, C].

    Source: Zhang et al., arXiv 1710.09412.
    """
    weight = _beta(alpha, generator)
    partner = torch.randperm(len(inputs), generator=generator, device=inputs.device)
    mixed = weight * inputs + (1 - weight) * inputs[partner]
    return mixed, mix_labels(labels, labels[partner], weight, num_classes)


def cutmix(
    inputs: Tensor, labels: Tensor, num_classes: int, alpha: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Paste a box of another image of the batch; labels are mixed by the area pasted.

    Returns:
        inputs [B, 3, T, T] and class probabilities [B, C].

    Source: Yun et al., arXiv 1905.04899.
    """
    partner, y, x = draw_cut(len(inputs), inputs.shape[-1], alpha, generator)
    inside = y[:, None] & x[None, :]
    mixed = torch.where(inside, inputs[partner], inputs)
    return mixed, mix_labels(labels, labels[partner], 1 - inside.float().mean(), num_classes)


def draw_cut(
    count: int, side: int, alpha: float, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """CutMix's partners int64 [count], and rows and columns bool [side] of the pasted box."""
    device = generator.device
    cut = (1 - _beta(alpha, generator)).sqrt() * side
    centre = torch.rand(2, generator=generator, device=device) * side
    partner = torch.randperm(count, generator=generator, device=device)
    at = torch.arange(side, device=device) + 0.5
    y, x = ((at - centre[k]).abs() < cut / 2 for k in (0, 1))
    return partner, y, x


def mix_labels(first: Tensor, second: Tensor, weight: Tensor, num_classes: int) -> Tensor:
    """Class probabilities [B, C]: weight on the first labels, the rest on the second."""
    one, two = (F.one_hot(labels, num_classes).float() for labels in (first, second))
    return weight * one + (1 - weight) * two


def _beta(alpha: float, generator: torch.Generator) -> Tensor:
    """One draw of Beta(alpha, alpha), on the generator's device and from it.

    torch.distributions.Beta draws from global state; the sampler that it calls takes a generator.
    """
    shape = torch.full((2,), alpha, device=generator.device)
    draws = torch._standard_gamma(shape, generator=generator)
    return draws[0] / draws.sum()
