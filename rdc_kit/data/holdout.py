"""A test set where a source has none: a part of the pool, held out before anything is trained."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ..ground.names import printable
from ..ground.seeds import as_seed, generator
from .checks import check_enough
from .class_folders import told_unread
from .imagesets import DataError, ImageSet, Splits, derived
from .loading import load_with_raws
from .origins import first_copies
from .raw import Raw

SHARE = 0.2  # of the pool


def load_pool(name: str, size: int | None = None, on_bad: str = "error") -> ImageSet:
    """The training split of `load`, telling what was left out of it."""
    (pool, _), raws = load_with_raws(name, size, on_bad)
    _tell("train", pool, raws["train"])
    return pool


def _tell(split: str, images: ImageSet, raw: Raw) -> None:
    """Print what of a split was left out or put together; nothing where all is plain."""
    if images.provenance.get("skipped"):
        print(f"{split}: {images.provenance['skipped']} images left out, for they are corrupt")
    if unread := told_unread(raw):
        read = f"its images are those of {raw.called}; " * bool(split == "test" and raw.called)
        print(printable(f"{split}: {read}not read: {unread}"))
    if raw.merged:
        more = f", and so {len(raw.merged) - 1} more" * (len(raw.merged) > 1)
        print(printable(f"{split}: {raw.merged[0]} are taken as one class{more}"))


def load_with_test(name: str, size: int | None = None, on_bad: str = "error") -> Splits:
    """`load`, telling what was left out; a source without a test split gets one by `hold_out`.

    Raises:
        DataError: see `load` and `hold_out`.
    """
    (pool, test), raws = load_with_raws(name, size, on_bad)
    for split, images in (("train", pool), ("test", test)):
        if images is not None:
            _tell(split, images, raws[split])
    if test is None and "method" not in pool.provenance:  # a compressed set is nobody's pool
        pool, held = hold_out(pool)
        print(
            f"{name} has no test split (a val/ folder beside train/): {len(held):,} of its images "
            f"are held out for testing, a fifth of each class but for copies of what stays; "
            f"{len(pool):,} stay. They are drawn at random, so shots of one series, animal or "
            "place lie in both parts, and accuracies are too good: put whole series into val/"
        )
        return Splits(pool, held)
    absent = [] if test is None else (test.counts() == 0).nonzero().flatten().tolist()
    if absent:
        print(
            f"test: no image of class {pool.classes[absent[0]]!r}"
            + f" and {len(absent) - 1} more" * (len(absent) > 1)
            + ", so no accuracy speaks of it: add images to the test split"
        )
    return Splits(pool, test)


def hold_out(pool: ImageSet, share: float = SHARE, seed: int = 0) -> tuple[ImageSet, ImageSet]:
    """Divide a pool into a training and a test part, the same share of every class.

    An image whose exact copy stays in the training part stays there too, so no copy is tested on.
    Both parts are copied into memory.

    Args:
        pool: of a source without a test split.
        share: of each class that becomes test images, between 0 and 1.
        seed: draws them.

    Raises:
        DataError: a class has too few different images, or the share is not between 0 and 1.
        ValueError: the seed is no whole number.
    """
    if not 0 < share < 1:
        raise DataError(f"share must be a number between 0 and 1, got {share!r}")
    seed = as_seed(seed)
    kept, held = held_out_rows(pool, share, seed)
    first = first_copies(pool.images)
    copies = torch.isin(first[held], first[kept])
    kept, held = torch.cat([kept, held[copies]]).sort().values, held[~copies]
    facts = derived(pool, holdout_seed=seed, holdout_share=share)
    train, test = (replace(pool[rows], provenance=facts) for rows in (kept, held))
    lacking = (test.counts() == 0).nonzero()
    if len(lacking):
        name = pool.classes[int(lacking[0])]
        raise DataError(f"class {name!r} has only copies of one image or two: add other images")
    return train, test


def held_out_rows(pool: ImageSet, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Positions that stay and positions that are held out, both sorted.

    Raises:
        DataError: a class is empty, or would have no image on one side.
    """
    check_enough(pool, 1)
    held, kept = [], []
    for label in range(pool.num_classes):
        rows = pool.rows_of(label)
        rows = rows[torch.randperm(len(rows), generator=generator(seed, "holdout", label))]
        count = round(share * len(rows))
        if not 0 < count < len(rows):
            raise DataError(
                f"class {pool.classes[label]!r} has {len(rows)} images, and a share of {share:g} "
                "leaves none on one side: add images, or a test split (a val/ folder)"
            )
        held.append(rows[:count])
        kept.append(rows[count:])
    return torch.cat(kept).sort().values, torch.cat(held).sort().values
