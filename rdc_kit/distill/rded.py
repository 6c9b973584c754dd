"""RDED: the crops of real images that a teacher finds most typical, stitched together."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..augment.boxes import as_grid, crop_resize, square_crops
from ..augment.views import normalise
from ..data.checks import check_enough
from ..data.imagesets import DataError, ImageSet, made_anew
from ..data.loading import in_full
from ..data.origins import origins_of
from ..ground.device import Runtime, choose_runtime
from ..ground.seeds import generator
from ..train.labels import Answer
from ..train.teachers import Teacher

DRAWN = 300  # real images per class that the teacher scores
CROPS = 5  # crops of each image
_BATCH = 500


def rded(
    pool: ImageSet,
    ipc: int,
    teacher: Teacher,
    factor: int | None = None,
    drawn: int = DRAWN,
    crops: int = CROPS,
    seed: int = 0,
    runtime: Runtime | None = None,
) -> ImageSet:
    """Keep the crops with the lowest loss under the teacher, factor^2 to a stored image.

    Draw `drawn` random images of each class, and `crops` square random crops of each image. Keep
    each image's crop with the lowest cross-entropy, and of these the ipc * factor^2 lowest in the
    class. Composite j takes ranks j, ipc + j, 2 ipc + j, ...

    Args:
        pool: the real images. ipc: stored images per class. teacher: scores the crops.
        factor: crops per side of a stored image; default 1 up to 64 px and 2 above, as published.
        drawn, crops: see above; a class with fewer images uses all of them, and no fewer are drawn
            than originals are kept.
        seed, runtime: seed of the draws; device and precision.

    Returns:
        ImageSet seen "whole"; `members` holds the original of each crop. provenance["crop_loss"]
        is the mean loss of the kept crops, ["drawn_loss"] that of all crops.

    Raises:
        DataError: too few images in a class, or a factor that does not divide the size.

    Source: Sun et al., arXiv 2312.03526, and LINs-lab/RDED: 300 images, 5 crops of area 0.08 to 1,
        ratio 1, of the source's larger images where there are such (`loading.in_full`), scored at
        their stored size in the middle of a blank image.
    Differs: no crop below the source's smallest useful one; of the square middle of larger images;
        losses by log-softmax; lossless.
    """
    began, runtime = time.monotonic(), runtime or choose_runtime()
    factor = factor or usual_factor(pool.size)
    keep = check_factor(pool, ipc, factor)
    answer, side, cells = teacher.answering(runtime), pool.size // factor, factor**2
    large, place = in_full(pool)
    stored, originals, kept_losses, mean_losses = [], [], [], []
    for label in range(pool.num_classes):
        draws = generator(seed, "rded", label)
        rows = _draw(pool, label, max(drawn, keep), draws)
        full = large[place[rows]]
        boxes = square_crops(full, crops, pool.traits.min_crop, draws)
        losses = _losses(full, boxes, label, side, pool, answer, runtime)
        best, which = lowest(losses, keep)
        patches = crop_resize(full[best], boxes[best, which], side).round().clamp(0, 255)
        stored.append(stitch(patches.to(torch.uint8), factor))
        originals.append(rows[best].view(cells, ipc).T)
        kept_losses.append(losses[best, which].mean())
        mean_losses.append(losses.mean())
    facts = {"factor": factor, "drawn": drawn, "crops": crops, "teacher": ", ".join(teacher.names)}
    facts |= {"teacher_top1": round(teacher.pool_top1, 2), "crop_loss": _mean(kept_losses)}
    facts |= {"drawn_loss": _mean(mean_losses), "make_seconds": round(time.monotonic() - began, 1)}
    return _composed(pool, torch.cat(stored), torch.cat(originals), factor, facts)


def check_factor(pool: ImageSet, ipc: int, factor: int) -> int:
    """Originals that RDED keeps of each class; call this before a teacher is trained.

    Raises:
        DataError: too few images in a class, or a factor that does not divide the size.
    """
    as_grid(factor, pool.size)
    if pool.size % factor:
        raise DataError(f"RDED's factor {factor} does not divide the size {pool.size}: choose one")
    check_enough(pool, keep := ipc * factor**2, "ipc (or the factor)")
    return keep


def usual_factor(size: int) -> int:
    """RDED's crops per side of an image of so many pixels, as published: 1 up to 64, 2 above."""
    return 1 if size <= 64 else 2


def _mean(values: list[Tensor]) -> float:
    return round(float(torch.stack(values).mean()), 4)


def lowest(losses: Tensor, keep: int) -> tuple[Tensor, Tensor]:
    """The images with the lowest losses; the best crop of each image counts.

    Args:
        losses: float [n, crops]. keep: how many.

    Returns:
        Rows int64 [keep], lowest first, and the best crop of each.
    """
    best, best_crops = losses.min(1)
    rows = best.argsort(stable=True)[:keep]
    return rows, best_crops[rows]


def _composed(
    pool: ImageSet, images: Tensor, originals: Tensor, factor: int, facts: dict[str, Any]
) -> ImageSet:
    """Stitched images as a set, class by class; a single crop keeps its original's row id."""
    single, members = factor == 1, pool.row_ids[originals]
    return replace(
        made_anew(pool, images, **facts),
        row_ids=members[:, 0] if single else torch.arange(len(members)),
        members=None if single else members,
        grid=(factor, factor),
        origins=origins_of(pool, originals.flatten(), {}),
    )


def _draw(pool: ImageSet, label: int, count: int, draws: torch.Generator) -> Tensor:
    """Positions of some images of a class."""
    class_rows = pool.rows_of(label)
    return class_rows[torch.randperm(len(class_rows), generator=draws)[:count]]


@torch.no_grad()
def _losses(
    images: Tensor,
    boxes: Tensor,
    label: int,
    side: int,
    pool: ImageSet,
    answer: Answer,
    runtime: Runtime,
) -> Tensor:
    """Cross-entropy of every crop with the class, float32 [n, crops] on the CPU."""
    count, crops = boxes.shape[:2]
    image_rows, flat = torch.arange(count).repeat_interleave(crops), boxes.flatten(0, 1)
    losses = []
    for part in torch.arange(len(image_rows)).split(_BATCH):
        pixels = images[image_rows[part]].to(runtime.device)
        patches = crop_resize(pixels, flat[part].to(runtime.device), side)
        edge = pool.size - side
        pad = (edge // 2, edge - edge // 2) * 2
        inputs = F.pad(normalise(patches, pool.traits), pad)
        logits = answer(inputs.contiguous(memory_format=runtime.memory_format))
        target = torch.full((len(part),), label, device=logits.device)
        losses.append(F.cross_entropy(logits, target, reduction="none").cpu())
    return torch.cat(losses).view(count, crops)


def stitch(patches: Tensor, factor: int) -> Tensor:
    """Put patches into grids.

    Args:
        patches: uint8 [K * J, 3, s, s], best first, K = factor^2.
        factor: patches per side.

    Returns:
        uint8 [J, 3, s factor, s factor]; cell k of image j holds patch k J + j.
    """
    count, side = len(patches) // factor**2, patches.shape[-1]
    cells = patches.view(factor, factor, count, 3, side, side)
    return cells.permute(2, 3, 0, 4, 1, 5).reshape(count, 3, factor * side, factor * side)
