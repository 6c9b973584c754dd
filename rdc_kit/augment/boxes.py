"""Boxes in pixels and the crop that reads only inside them."""

from __future__ import annotations

import math
from numbers import Integral

import torch
import torch.nn.functional as F
from torch import Tensor

Grid = int | tuple[int, int]
CROP_RATIO = (3 / 4, 4 / 3)


def as_grid(grid: Grid, size: int | None = None) -> tuple[int, int]:
    """(rows, columns) of a grid given as n (n x n) or as (rows, columns).

    Raises:
        ValueError: not positive whole numbers, or more cells than `size` has pixels.
    """
    rows, columns = grid if isinstance(grid, tuple | list) and len(grid) == 2 else (grid, grid)
    if any(isinstance(n, bool) or not isinstance(n, Integral) or n < 1 for n in (rows, columns)):
        raise ValueError(f"grid must be a positive whole number or (rows, columns), got {grid!r}")
    if size is not None and max(rows, columns) > size:
        raise ValueError(f"a {rows}x{columns} grid does not fit into images of {size} pixels")
    return int(rows), int(columns)


def cell_boxes(size: int, grid: Grid) -> Tensor:
    """Boxes of the cells, row by row.

    Args:
        size: side of the image, pixels.
        grid: n or (rows, columns). Where it does not divide the size, the first cells are one
            pixel larger.

    Returns:
        int64 [rows*columns, 4]: top, left, height, width.
    """
    rows, columns = as_grid(grid, size)

    def cuts(n: int) -> list[tuple[int, int]]:
        lengths = [size // n + (k < size % n) for k in range(n)]
        return [(sum(lengths[:k]), lengths[k]) for k in range(n)]

    return torch.tensor([[y, x, h, w] for y, h in cuts(rows) for x, w in cuts(columns)])


def random_crops(
    regions: Tensor,
    scale: tuple[float, float],
    ratio: tuple[float, float] = CROP_RATIO,
    generator: torch.Generator | None = None,
) -> Tensor:
    """RandomResizedCrop boxes, one per region and inside it.

    Ten candidates are drawn at once and the first that fits is taken; where none fits, the
    largest centred box of an allowed ratio.

    Args:
        regions: int [B, 4]: top, left, height, width to stay inside.
        scale: smallest and largest area, as a fraction of the region's.
        ratio: smallest and largest width / height.
        generator: on the device of `regions`.

    Returns:
        int64 [B, 4]: top, left, height, width.

    Source: torchvision.transforms.RandomResizedCrop.get_params (same distribution).
    """
    device, count, tries = regions.device, len(regions), 10
    top, left, height, width = (regions[:, k : k + 1].double() for k in range(4))
    draws = torch.rand(4, count, tries, generator=generator, device=device, dtype=torch.float64)
    area = height * width * (scale[0] + (scale[1] - scale[0]) * draws[0])
    low, high = math.log(ratio[0]), math.log(ratio[1])
    aspect = torch.exp(low + (high - low) * draws[1])
    w, h = (area * aspect).sqrt().round(), (area / aspect).sqrt().round()
    fits = (w > 0) & (w <= width) & (h > 0) & (h <= height)
    first = fits.to(torch.int8).argmax(dim=1, keepdim=True)
    w, h, u, v = (t.gather(1, first) for t in (w, h, draws[2], draws[3]))
    y, x = (u * (height - h + 1)).floor(), (v * (width - w + 1)).floor()
    none = ~fits.any(dim=1, keepdim=True)
    w_last = torch.minimum(width, (height * ratio[1]).round())
    h_last = torch.minimum(height, (width / ratio[0]).round())
    w, h = torch.where(none, w_last, w), torch.where(none, h_last, h)
    y = torch.where(none, ((height - h) / 2).floor(), y)
    x = torch.where(none, ((width - w) / 2).floor(), x)
    return torch.cat([top + y, left + x, h, w], dim=1).long()


def square_crops(images: Tensor, crops: int, least: float, draws: torch.Generator) -> Tensor:
    """Square random crops of each image.

    Args:
        images: [N, 3, S, S]. crops: of each. least: smallest area, a fraction; the largest is 1.
        draws: random generator.

    Returns:
        int64 [N, crops, 4]: top, left, height, width in pixels.
    """
    count, side = len(images), images.shape[-1]
    whole = torch.tensor([[0, 0, side, side]]).expand(count * crops, 4)
    return random_crops(whole, (least, 1.0), (1.0, 1.0), draws).view(count, crops, 4)


def crop_resize(images: Tensor, boxes: Tensor, size: int, flip: Tensor | None = None) -> Tensor:
    """Crop each image to its box and resize the crop, bilinear and antialiased.

    No pixel outside the box counts (up to rounding, below 0.01 of 255), so a crop inside one cell
    of a composite sees that cell only.

    Args:
        images: [B, 3, H, W], uint8 or float, any range.
        boxes: [B, 4]: top, left, height, width in pixels, inside the image.
        size: side of the result.
        flip: bool [B], images to mirror left to right.

    Returns:
        float32 [B, 3, size, size], in the range of the input.

    Source: equals torchvision.transforms.functional.resized_crop(antialias=True) per image.
    """
    images = images.float()
    boxes = boxes.to(images.dtype)
    # An image no larger than the result is never shrunk, so there is nothing to antialias and
    # sampling two neighbours per axis gives the same pixels, 2-4 times faster on a CPU.
    sample = _crop_by_sampling if max(images.shape[-2:]) <= size else _crop_by_weights
    return sample(images, boxes, size, flip)


def _centres(start: Tensor, length: Tensor, size: int, flip: Tensor | None) -> Tensor:
    """Source coordinate [B, size] of each target pixel centre along one axis."""
    steps = torch.arange(size, device=start.device, dtype=start.dtype) + 0.5
    offsets = steps * (length / size)[:, None]
    if flip is not None:
        offsets = torch.where(flip[:, None], offsets.flip(1), offsets)
    return start[:, None] + offsets - 0.5


def _crop_by_sampling(images: Tensor, boxes: Tensor, size: int, flip: Tensor | None) -> Tensor:
    top, left, height, width = boxes.unbind(1)
    # The clamp to the outermost pixel centres of the box keeps the neighbours out.
    y = _centres(top, height, size, None)
    y = y.clamp(min=top[:, None], max=(top + height - 1)[:, None])
    x = _centres(left, width, size, flip)
    x = x.clamp(min=left[:, None], max=(left + width - 1)[:, None])
    high, wide = images.shape[-2:]
    y, x = (2 * y + 1) / high - 1, (2 * x + 1) / wide - 1
    where = torch.stack([x[:, None, :].expand(-1, size, -1), y[:, :, None].expand(-1, -1, size)], 3)
    return F.grid_sample(images, where, padding_mode="border", align_corners=False)


def _crop_by_weights(images: Tensor, boxes: Tensor, size: int, flip: Tensor | None) -> Tensor:
    top, left, height, width = boxes.unbind(1)
    rows = _triangle_weights(top, height, size, images.shape[-2], None)
    columns = _triangle_weights(left, width, size, images.shape[-1], flip)
    return rows[:, None] @ images @ columns[:, None].transpose(2, 3)


def _triangle_weights(
    start: Tensor, length: Tensor, size: int, pixels: int, flip: Tensor | None
) -> Tensor:
    """Weights [B, size, pixels] of one axis; zero outside the box, each row sums to 1."""
    centres = _centres(start, length, size, flip)[:, :, None]
    reach = (length / size).clamp(min=1)[:, None, None]
    at = torch.arange(pixels, device=start.device, dtype=start.dtype)
    inside = (at >= start[:, None]) & (at < (start + length)[:, None])
    weights = (1 - (at - centres).abs() / reach).clamp(min=0) * inside[:, None, :]
    return weights / weights.sum(dim=2, keepdim=True)
