"""Cropping and entropy: choosing likely crops, and how doubt falls as crops grow; section 4."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from ...augment.boxes import crop_resize, square_crops
from ...augment.views import normalise
from ...data.imagesets import DataError, ImageSet
from ...ground.seeds import generator
from ..verdicts.metrics import nll, shannon
from .entropy import entropy_and_nll
from .observers import Observer

RATIOS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0)
_RESAMPLES = 1000


def selective_crops(
    pool: ImageSet, observer: Observer, crops: int = 5, count: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """How NLL and entropy change when the likeliest crop is chosen, image by image.

    Each image gives `crops` square crops; the one with the lowest NLL is chosen, as in RDED.

    Args:
        pool: originals.
        observer: scores the crops, and gives the entropies.
        crops: drawn from each image.
        count: images drawn from the pool; all where it has fewer.
        seed: of the draws.

    Returns:
        A row per image: seed, nll, entropy (of the whole), nll_crop, entropy_crop (of the crop).

    Source: Proposition 4.1 of arXiv 2502.06434; cropping as in arXiv 2312.03526.
    """
    rows = torch.randperm(len(pool), generator=generator(seed, "selective images"))[:count]
    images = pool[rows]
    draws = generator(seed, "selective crops")
    boxes = square_crops(images.images, crops, images.traits.min_crop, draws)
    targets = observer.targets(images.labels)
    measures = []
    for k in range(crops):
        pixels = crop_resize(images.images, boxes[:, k], images.size)
        logits = observer.logits(normalise(pixels, images.traits), images.traits)
        measures.append(torch.stack([nll(logits, targets), shannon(logits)]))
    losses, entropies = torch.stack(measures, 2)  # each [N, crops]
    best = losses.argmin(1, keepdim=True)
    chosen = [values.gather(1, best).squeeze(1) for values in (losses, entropies)]
    before = entropy_and_nll(images, observer)
    return pd.DataFrame(
        {
            "seed": seed,
            "nll": before["nll"],
            "entropy": before["entropy"],
            "nll_crop": chosen[0],
            "entropy_crop": chosen[1],
        }
    )


def likelier_and_less_sure(found: pd.DataFrame) -> pd.DataFrame:
    """Images whose chosen crop has lower NLL than the whole, but higher entropy, seed by seed.

    Args:
        found: from `selective_crops`, of one or several seeds.

    Returns:
        A row per seed: seed, images, nll, nll_crop, entropy, entropy_crop (means, nats), share
        (percent of the images).
    """
    against = (found["nll_crop"] < found["nll"]) & (found["entropy_crop"] > found["entropy"])
    marked = found.assign(share=100.0 * against)
    table = marked.groupby("seed").mean().reset_index()
    table.insert(1, "images", marked.groupby("seed").size().to_numpy())
    return table


def entropy_curve(
    sets: dict[str, ImageSet],
    observer: Observer,
    ratios: Sequence[float] = RATIOS,
    repeats: int = 8,
    seed: int = 0,
) -> pd.DataFrame:
    """Entropy of random crops against their area.

    Args:
        sets: name -> set.
        observer: the network that looks.
        ratios: areas of the crops, fractions of the image.
        repeats: crops of each image.
        seed: of the draws.

    Returns:
        A row per set, image and ratio: set, set_hash (equal sets, equal hash), seed, image, r,
        entropy (mean over repeats, nats).
    """
    rows = []
    for name, images in sets.items():
        told = {"set": name, "set_hash": images.fingerprint(), "seed": seed}
        for r in ratios:
            found = entropy_and_nll(images, observer, "whole", (r, r), repeats, seed)["entropy"]
            facts = told | {"image": range(len(images)), "r": r}
            rows.append(pd.DataFrame(facts | {"entropy": found}))
    return pd.concat(rows, ignore_index=True)


def crossing(ratios: np.ndarray, difference: np.ndarray) -> float:
    """The largest ratio where a difference is not below 0, linear between the given ratios.

    Args:
        ratios: float [K], rising. difference: float [K], H(A_r(D')) - H(A_r(D)).

    Returns:
        The ratio; NaN where the difference is below 0 everywhere.
    """
    reached = np.flatnonzero(difference >= 0)
    if not len(reached):
        return float("nan")
    k = int(reached[-1])
    if k == len(ratios) - 1:
        return float(ratios[k])
    share = difference[k] / (difference[k] - difference[k + 1])
    return float(ratios[k] + share * (ratios[k + 1] - ratios[k]))


def critical_ratio(curve: pd.DataFrame, simple: str, plain: str) -> dict[str, float]:
    """r* of Theorem 4.2: the largest crop at which the simpler set is no longer simpler.

    Args:
        curve: from `entropy_curve`, of one or several seeds.
        simple: name of D', the set of lower entropy; plain: of D.

    Returns:
        r (NaN where there is none), low, high (95 % of the resamples that have one: bootstrap over
        images, drawn for each set on its own), share (of resamples that have one, 0..1), gap
        (H(D') - H(D) of uncropped images, nats).

    Raises:
        DataError: the curve does not have one of the sets.
    """
    tables = {
        name: one.pivot_table("entropy", "image", "r")  # mean over seeds, by image
        for name, one in curve.groupby("set", sort=False)
    }
    for name in (simple, plain):
        if name not in tables:
            raise DataError(f"the curve has no set {name!r}: {', '.join(tables)}")
    ratios = tables[simple].columns.to_numpy(float)
    first, second = tables[simple].to_numpy(), tables[plain].to_numpy()
    difference = first.mean(0) - second.mean(0)
    draw = np.random.default_rng(0)
    crossings = []
    for _ in range(_RESAMPLES):
        one = first[draw.integers(len(first), size=len(first))].mean(0)
        two = second[draw.integers(len(second), size=len(second))].mean(0)
        crossings.append(crossing(ratios, one - two))
    finite = np.array(crossings)[np.isfinite(crossings)]
    low, high = np.quantile(finite, [0.025, 0.975]) if len(finite) else (np.nan, np.nan)
    return {
        "r": crossing(ratios, difference),
        "low": float(low),
        "high": float(high),
        "share": len(finite) / _RESAMPLES,
        "gap": float(difference[-1]),
    }
