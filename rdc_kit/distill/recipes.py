"""Recipes: the published settings of each method that recovers images, and what they need."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from ..data.checks import check_enough
from ..data.imagesets import DataError, ImageSet


@dataclass(frozen=True)
class Recipe:
    """How a method recovers images.

    Attributes:
        iterations, lr: of Adam (betas 0.5, 0.9) on the pixels; cosine per iteration to 0.
        weight: of the distance of statistics; cross-entropy has weight 1.
        batch: images that are recovered together; their statistics are taken together.
        jitter: largest roll of the batch along each axis, pixels.
        crop: show the teacher random crops, one box for the whole batch.
        milestone: share of the iterations during which the smallest crop falls from the whole
            image to the source's smallest (CDA); 0 starts at the smallest.
        by_class: match each class's own statistics; each batch holds one class (LPLD).
        real: start from real images (DWA) instead of noise.
        perturb, rho: steps and length of an ascent on a copy of the teacher's weights before each
            batch (DWA); 0 for none.
        var_weight: weight of the variances; the means have weight 1 (DWA).
        convolutions: also match statistics at convolutions, with a moving average of `momentum`;
            each is left out with probability `drop`; in patches of `patch` pixels too (G-VBSM).
        densify: weight of the term that keeps images of a class apart (G-VBSM); 0 for none.
        teachers: networks that take turns, iteration by iteration.
    """

    iterations: int = 1000
    lr: float = 0.25
    weight: float = 0.01
    batch: int = 100
    jitter: int = 4
    crop: bool = False
    milestone: float = 0.0
    by_class: bool = False
    real: bool = False
    perturb: int = 0
    rho: float = 0.015
    var_weight: float = 1.0
    convolutions: bool = False
    momentum: float = 0.0
    drop: float = 0.0
    densify: float = 0.0
    teachers: int = 1
    patch: int = 4

    @property
    def settings(self) -> dict[str, Any]:
        """For keys and cards: all that matters, so that new fields leave other methods' keys."""
        return {k: v for k, v in asdict(self).items() if k != "patch" or self.convolutions}


_GVBSM = Recipe(
    iterations=4000,
    lr=0.05,
    jitter=32,
    convolutions=True,
    momentum=0.8,
    drop=0.4,
    densify=1.0,
    teachers=4,
)
_DWA = Recipe(real=True, perturb=12, var_weight=11.0)
# For images up to 32 px, up to 64 px, and above: the published CIFAR, Tiny-ImageNet and ImageNet
# settings of each method, if they exist (see `recipe`).
RECIPES: dict[str, tuple[Recipe, Recipe, Recipe]] = {
    "sre2l": (
        Recipe(),
        Recipe(4000, 0.1, 1.0, crop=True),
        Recipe(4000, 0.25, 0.01, jitter=32, crop=True),
    ),
    "cda": (
        Recipe(crop=True, milestone=1.0),
        Recipe(4000, 0.4, 0.05, crop=True, milestone=1.0),
        Recipe(4000, 0.25, 0.01, jitter=32, crop=True, milestone=1.0),
    ),
    "lpld": (
        Recipe(by_class=True),
        Recipe(4000, 0.1, 0.05, crop=True, by_class=True),
        Recipe(4000, 0.25, 0.01, jitter=32, crop=True, by_class=True),
    ),
    "dwa": (
        _DWA,
        replace(_DWA, iterations=2000, lr=0.1, batch=200, crop=True),
        replace(_DWA, iterations=2000, perturb=15, var_weight=2.0, jitter=32, crop=True),
    ),
    "gvbsm": (
        _GVBSM,
        _GVBSM,
        replace(_GVBSM, lr=0.1, batch=80, crop=True, momentum=0.4, drop=0.0, patch=16),
    ),
}


def recipe(method: str, size: int) -> Recipe:
    """A method's published settings at the scale nearest to `size` pixels.

    Source: recover.sh, recover_tiny.sh and recover_cifar.sh of VILA-Lab/SRe2L; CDA/README.md there;
        the scripts of he-y/soft-label-pruning, AngusDujw/Diversity-Driven-Synthesis and
        shaoshitong/G_VBSM.
    Differs: CDA and LPLD publish nothing up to 32 px; they take SRe2L's settings, CDA with crops.
        Up to 32 px SRe2L and DWA only roll; here images are mirrored too. SRe2L's rolls at 64 px go
        both ways. G-VBSM's padded crops up to 64 px are rolls here. A batch has no more images than
        are made: ten of ten classes with one each, where the published ones of 100 classes have 100
        to match statistics by.
    """
    return RECIPES[method][0 if size <= 32 else 1 if size <= 64 else 2]


# Changed after results had been kept, for images above so many pixels.
_CHANGED_ABOVE = {"gvbsm": 0, "dwa": 32}


def edition(method: str, size: int, device: str = "cpu") -> int:
    """Which edition of a method's recipe this is; results of an earlier one are not of this one.

    Args:
        method: of METHODS. size: of the images, pixels. device: type of what recovers them; on a
            GPU all recipes changed when they began to compute in true fp32, without TF32.
    """
    changed = size > _CHANGED_ABOVE.get(method, size)
    return 1 + changed + (device != "cpu" and method in RECIPES)


def check_pool(pool: ImageSet, ipc: int, how: Recipe) -> None:
    """Refuse a pool that a recipe cannot work on; call this before a teacher is trained.

    Raises:
        DataError: too few images to begin from, or a class without images, whose statistics would
            be NaN and whose images black.
    """
    if how.real:
        check_enough(pool, ipc)
    empty = [name for name, count in zip(pool.classes, pool.counts(), strict=True) if not count]
    if how.by_class and empty:
        raise DataError(
            f"classes without images: {', '.join(empty[:5])}; this recipe matches the statistics "
            "of each class: add images to them, or leave them out of the pool"
        )
