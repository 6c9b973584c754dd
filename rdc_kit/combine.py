"""Combine: n x n composites that remember which original sits in which cell."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from .augment.boxes import Grid, as_grid, cell_boxes
from .data.imagesets import DataError, ImageSet, derived
from .ground.kinds import check_object
from .ground.names import check_known
from .ground.seeds import as_seed, generator

GROUPINGS = ("rank_block", "sequential", "random")
_AT_ONCE = 64  # composites; all at once would take nine times their memory, as float32


def combine(
    images: ImageSet, grid: Grid = 2, grouping: str = "rank_block", seed: int = 0
) -> ImageSet:
    """Shrink whole images into the cells of composites of the same size, class by class.

    Args:
        images: equally many images of each class, in rank order within a class (as `select`
            returns them); the number per class must be a multiple of the cells.
        grid: n or (rows, columns).
        grouping: which ranks share a composite. "rank_block": composite j takes ranks j, J + j,
            2J + j, ... of J composites, so all are similar in difficulty (RDED's order);
            "sequential": neighbours in rank; "random".
        seed: for "random".

    Returns:
        len / cells composites, S x S; `members` [N, cells] holds the originals' row ids; row_ids
        are 0, 1, ...; view is "cell".

    Raises:
        DataError: the number per class is not a multiple of the cells, or not the same in all
            classes, or the images are composites already. ValueError: unknown grouping, a grid
            that does not fit, or a seed that is no whole number.

    Source: arXiv 2502.06434 section 3 (whole images, downsampled). The grouping is not published.
    """
    check_object("images", images, ImageSet)
    rows, columns = as_grid(grid, images.size)
    cells = rows * columns
    check_known("grouping", grouping, GROUPINGS)
    seed = as_seed(seed)
    if images.members is not None:
        raise DataError("these images are composites already: combine the originals instead")
    _check_equal(images)
    groups, labels = [], []
    for label in range(images.num_classes):
        class_rows = images.rows_of(label)
        if len(class_rows) % cells or not len(class_rows):
            raise DataError(
                f"class {images.classes[label]!r} has {len(class_rows)} images; a {rows}x{columns} "
                f"grid needs a multiple of {cells}: select per_class = ipc * {cells}"
            )
        if grouping == "random":
            draw = generator(seed, "combine", label)
            class_rows = class_rows[torch.randperm(len(class_rows), generator=draw)]
        count = len(class_rows) // cells
        blocked = grouping == "rank_block"
        groups.append(class_rows.view(cells, count).T if blocked else class_rows.view(count, cells))
        labels += [label] * count
    positions = torch.cat(groups)  # [N, cells], positions in `images`
    return replace(
        images,
        images=paste(images.images, positions, (rows, columns)),
        labels=torch.tensor(labels),
        row_ids=torch.arange(len(labels)),
        members=images.row_ids[positions],
        grid=(rows, columns),
        view="cell",
        provenance=derived(images, grid=[rows, columns], grouping=grouping, combine_seed=seed),
    )


def _check_equal(images: ImageSet) -> None:
    counts = images.counts()
    if int(counts.min()) != int(counts.max()):
        fewest, most = images.classes[int(counts.argmin())], images.classes[int(counts.argmax())]
        raise DataError(
            f"class {fewest!r} has {int(counts.min())} images and {most!r} {int(counts.max())}: "
            "combine takes equally many of each, as `select` keeps them"
        )


def paste(images: Tensor, positions: Tensor, grid: tuple[int, int]) -> Tensor:
    """Build composites.

    Args:
        images: uint8 [M, 3, S, S].
        positions: int64 [N, rows*columns], which image goes into which cell.
        grid: (rows, columns).

    Returns:
        uint8 [N, 3, S, S].
    """
    side = images.shape[-1]
    composites = torch.empty(len(positions), 3, side, side, dtype=torch.uint8)
    boxes = cell_boxes(side, grid).tolist()
    parts = zip(composites.split(_AT_ONCE), positions.split(_AT_ONCE), strict=True)
    for part, originals in parts:
        for cell, (top, left, height, width) in enumerate(boxes):
            small = shrink(images[originals[:, cell]], height, width)
            part[:, :, top : top + height, left : left + width] = small
    return composites


def shrink(images: Tensor, height: int, width: int) -> Tensor:
    """Resize whole images to height x width, bilinear and antialiased, rounded to uint8."""
    resized = torch.nn.functional.interpolate(
        images.float(), (height, width), mode="bilinear", antialias=True, align_corners=False
    )
    return resized.round().clamp(0, 255).to(torch.uint8)
