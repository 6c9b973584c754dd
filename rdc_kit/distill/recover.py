"""Recover images that a teacher recognises, from noise or from real images: one loop.

SRe2L, CDA, LPLD, DWA and G-VBSM share it. Each makes images that the teacher gives their label, and
that have, in every layer, the statistics of the real images. The methods differ only in their
recipe (recipes.py).
"""

from __future__ import annotations

import copy
import math
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..augment.views import normalise
from ..data.imagesets import ImageSet, made_anew
from ..ground import store
from ..ground.arrays import load_arrays, load_if_whole, save_arrays
from ..ground.device import Runtime, choose_runtime
from ..ground.folders import runs_dir
from ..ground.progress import bar
from ..ground.seeds import generator
from ..prune.selection import select
from ..train.labels import check_frozen
from ..train.teachers import Teacher
from .matching import Matcher, collect_moments, running
from .recipes import Recipe, check_pool
from .shown import augment, crowding, pixel_range, to_pixels

_IMAGES = "images.npz"


def recover(
    pool: ImageSet,
    ipc: int,
    how: Recipe,
    teacher: Teacher,
    seed: int = 0,
    runtime: Runtime | None = None,
) -> ImageSet:
    """Make `ipc` images per class; each batch is kept on disk, so a killed call can continue.

    Computes in fp32 throughout: rounded activations would blur the statistics.

    Args:
        pool: gives size, classes and normalisation; its images too, if the recipe needs them.
        ipc: images per class.
        how: the recipe.
        teacher: as many networks as the recipe needs, with batch norm, frozen, in eval mode.
        seed: root of the seed tree of noise, crops and rolls.
        runtime: device.

    Returns:
        ImageSet, class by class. provenance holds the losses of the first and the last iteration:
        "ce_first", "ce_last", "statistics_first", "statistics_last" (unweighted), means over
        batches; and "teacher_top1", the teacher's accuracy on the pool.

    Raises:
        ValueError: a teacher in train mode, without batch norm, or of more or fewer networks than
            the recipe asks. DataError: pool too small, or a class without images where the recipe
            matches statistics by class.
    """
    runtime = runtime or choose_runtime()
    _check_networks(teacher, how)
    check_pool(pool, ipc, how)

    def make(home: Path) -> dict[str, Any]:
        images, losses, seconds = _all_batches(home, pool, ipc, how, teacher, seed, runtime.device)
        save_arrays(home / _IMAGES, images)
        names = ("ce_first", "statistics_first", "ce_last", "statistics_last")
        facts = {name: round(float(v), 4) for name, v in zip(names, losses.mean(0), strict=True)}
        return facts | {"make_seconds": round(seconds, 1)}

    config = {
        "what": "recover",
        "pool": pool.fingerprint(),
        "ipc": ipc,
        "recipe": how.settings,
        "teacher": teacher.key,
        "seed": seed,
        "device": runtime.device.type,
    }
    if runtime.device.type != "cpu":
        config["tf32"] = False  # that earlier sets were made with
    home = store.cached(runs_dir("sets"), config, make)
    facts: dict[str, Any] = {"recipe": how.settings, "teacher": ", ".join(teacher.names)}
    facts |= {"teacher_top1": round(teacher.pool_top1, 2)}
    return _kept(home, pool, store.result_of(home) | facts)


def _check_networks(teacher: Teacher, how: Recipe) -> None:
    """Refuse networks that no recipe can go by, and another number of them than this one says."""
    for model in teacher.models:
        check_frozen(model)
        running(model)
    if len(teacher.models) != how.teachers:
        raise ValueError(
            f"this recipe asks teachers={how.teachers} networks, this teacher has "
            f"{len(teacher.models)}: squeeze as many, or leave the teacher out"
        )


def _kept(home: Path, pool: ImageSet, facts: dict[str, Any]) -> ImageSet:
    """A finished set, from its folder; deletes the files of its batches."""
    for batch in home.glob("batch-*.npz"):
        batch.unlink(missing_ok=True)
    return made_anew(pool, load_arrays(home / _IMAGES), **facts)


def _all_batches(
    home: Path,
    pool: ImageSet,
    ipc: int,
    how: Recipe,
    teacher: Teacher,
    seed: int,
    device: torch.device,
) -> tuple[Tensor, Tensor, float]:
    """Images uint8 [N, 3, S, S], losses [batches, 4], seconds; batches on disk are not made again.

    The seconds are those of all batches, in whichever call each was made.
    """
    labels = torch.arange(pool.num_classes).repeat_interleave(ipc)
    start = select(pool, None, ipc, "random", seed).images if how.real else None
    images = torch.empty(len(labels), 3, pool.size, pool.size, dtype=torch.uint8)
    worker, losses, seconds = None, [], 0.0
    for k, rows in enumerate(bar(batches(ipc, pool.num_classes, how), "recovering batches")):
        path = home / f"batch-{k}.npz"
        content = load_if_whole(path)
        if content is None:
            began = time.monotonic()
            worker = worker or _Worker(pool, how, teacher, device)
            real = None if start is None else start[rows]
            content = worker.recover(labels[rows], real, seed, k)
            content["seconds"] = time.monotonic() - began
            save_arrays(path, content)
        seconds += content.get("seconds", 0.0)  # a batch from before they were kept has none
        images[rows] = content["images"]
        losses.append(content["losses"])
    return images, torch.tensor(losses), seconds


def batches(ipc: int, num_classes: int, how: Recipe) -> list[Tensor]:
    """Which images are recovered together: positions in the class-by-class order.

    For class-wise statistics, a batch holds one class. If images of a class must stay apart, a
    batch holds neighbours, several of a class. Otherwise a batch is spread over the classes: the
    first image of each class, then the second of each, ...
    """
    rows = torch.arange(ipc * num_classes)
    if how.by_class:
        return [part for class_rows in rows.split(ipc) for part in class_rows.split(how.batch)]
    if not how.densify:
        rows = rows.view(num_classes, ipc).T.flatten()
    return list(rows.split(how.batch))


class _Worker:
    """Teachers and targets on the device, ready to recover batch after batch."""

    def __init__(self, pool: ImageSet, how: Recipe, teacher: Teacher, device: torch.device) -> None:
        self.how, self.traits, self.size, self.device = how, pool.traits, pool.size, device
        self.matchers = []
        patch = how.patch if how.convolutions else 0
        for model in teacher.models:
            if how.by_class or how.convolutions:
                targets = collect_moments(model, pool, how.by_class, patch, device)
                if how.convolutions:
                    targets |= running(model)
            else:
                targets = running(model)
            self.matchers.append(
                Matcher(
                    model,
                    targets,
                    var_weight=how.var_weight,
                    momentum=how.momentum,
                    drop=how.drop,
                    patch=patch,
                )
            )

    def recover(self, labels: Tensor, real: Tensor | None, seed: int, k: int) -> dict[str, Any]:
        """One batch: uint8 images [B, 3, S, S], and the first and last losses."""
        how, draws = self.how, generator(seed, "recover", k)
        group = int(labels[0]) if how.by_class else 0
        target = labels.to(self.device)
        if real is None:
            shape = (len(labels), 3, self.size, self.size)
            start = torch.randn(shape, generator=draws).to(self.device)
        else:
            start = normalise(real.to(self.device).float(), self.traits)
        matchers = [self._fresh(m, start, target) for m in self.matchers]
        low, high = pixel_range(self.traits, self.device)
        images = start.clone().requires_grad_()
        optimiser = torch.optim.Adam([images], lr=how.lr, betas=(0.5, 0.9))
        losses: list[Tensor] = []
        for step in bar(range(how.iterations), "recovering"):
            optimiser.param_groups[0]["lr"] = (
                how.lr * 0.5 * (1 + math.cos(math.pi * step / how.iterations))
            )
            inputs = augment(images, how, self.traits, step, draws)
            logits, gap = matchers[step % len(matchers)](inputs, group, draws)
            cross_entropy = F.cross_entropy(logits, target)
            loss = cross_entropy + how.weight * gap
            if how.densify:
                loss = loss + how.densify * crowding(inputs, target)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            with torch.no_grad():
                images.copy_(torch.minimum(torch.maximum(images, low), high))
            if step in (0, how.iterations - 1):
                losses += [cross_entropy.detach(), gap.detach()]
        ends = [float(value) for value in (losses if len(losses) == 4 else losses * 2)]
        return {"images": to_pixels(images.detach(), self.traits), "losses": ends}

    def _fresh(self, matcher: Matcher, inputs: Tensor, labels: Tensor) -> Matcher:
        """A matcher without the history of earlier batches; for DWA, with a perturbed teacher.

        With that history, a call that was stopped and continued would make other images.
        """
        fresh = copy.copy(matcher)
        fresh.history = {}
        if self.how.perturb:
            fresh.model = perturb(matcher.model, inputs, labels, self.how.perturb, self.how.rho)
        return fresh


def perturb(model: nn.Module, inputs: Tensor, labels: Tensor, steps: int, rho: float) -> nn.Module:
    """A copy of a teacher with weights that raise the loss of a batch; the teacher does not change.

    Each step adds rho / steps times the gradient's direction. Batch norm buffers do not move.

    Source: DWA (arXiv 2409.17612), distillation/perterb.py.
    Differs: from the original weights for every batch; the released code adds up over batches. The
        batch is shown as it is, not as the first step shows it.
    """
    network = copy.deepcopy(model).eval().requires_grad_(True)
    weights = list(network.parameters())
    for _ in range(steps):
        loss = F.cross_entropy(network(inputs.detach()), labels)
        slopes = torch.autograd.grad(loss, weights, allow_unused=True)
        used = [(w, s) for w, s in zip(weights, slopes, strict=True) if s is not None]
        length = torch.linalg.vector_norm(torch.stack([slope.norm() for _, slope in used]))
        with torch.no_grad():
            for weight, slope in used:
                weight.add_(rho / steps * slope / (length + 1e-12))
    return network.requires_grad_(False)
