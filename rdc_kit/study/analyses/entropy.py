"""Entropy: how unsure a fixed observer is of images and of their views; the paper's section 4."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd
import torch
from torch import Tensor

from ...augment.views import make_view, plain_view
from ...data.imagesets import ImageSet
from ...distill.recipes import RECIPES
from ...ground.seeds import generator
from ...methods import METHODS
from ..grid.arms import method_arms
from ..grid.experiments import plan_trials
from ..grid.setups import Setup, Trial
from ..verdicts.metrics import nll, shannon
from .observers import Observer


def entropy_and_nll(
    images: ImageSet,
    observer: Observer,
    view: str = "stored",
    crop: tuple[float, float] | None = None,
    repeats: int = 4,
    seed: int = 0,
) -> pd.DataFrame:
    """Entropy and NLL of a set's images, or of views of them.

    Args:
        images: the set.
        observer: the network that looks.
        view: "stored" (the image as it is), or a view of `make_view`: "whole", "cell", "shuffle".
        crop: range of the random crop's area; from the source's smallest useful area to 1 when
            left out.
        repeats: views of each image; the mean is of the entropies, not of the answers.
        seed: of the draws.

    Returns:
        A row per image: label, entropy, nll (nats).
    """
    entropies, losses = torch.zeros(2, len(images)).unbind()
    targets = observer.targets(images.labels)
    times = 1 if view == "stored" else repeats
    for draw in range(times):
        inputs = _inputs(images, view, crop, generator(seed, "entropy", view, draw))
        logits = observer.logits(inputs, images.traits)
        entropies += shannon(logits) / times
        losses += nll(logits, targets) / times
    return pd.DataFrame({"label": images.labels, "entropy": entropies, "nll": losses})


def _inputs(
    images: ImageSet, view: str, crop: tuple[float, float] | None, draws: torch.Generator
) -> Tensor:
    if view == "stored":
        return plain_view(images.images, images.traits)
    scale = crop or (images.traits.min_crop, 1.0)
    see = make_view(images.traits, images.size, view, images.grid, scale)
    return see(images.images, images.labels, draws)[0]


def set_trials(
    setup: Setup, ipc: int, seeds: int, frozen: Collection[str] = (), grid: int = 2
) -> list[Trial]:
    """A trial for the set of every method and seed; no network is trained on these sets.

    Args:
        setup: pool and teacher.
        ipc: stored images per class.
        seeds: how many sets of each method.
        frozen: see `plan_trials`; "set" leaves only one set of each method that recovers images
            step by step, which takes long.
        grid: cells per side of PCA's composites.
    """
    shared, one_set = set(frozen) - {"set"}, "set" in frozen
    trials = plan_trials(setup, method_arms(METHODS, grid), ipc, seeds=seeds, frozen=shared)
    return [t for t in trials if t.seeds.set == 0 or not (one_set and t.arm.method in RECIPES)]


def entropy_of_sets(trials: Sequence[Trial], setup: Setup, observer: Observer) -> pd.DataFrame:
    """Entropy of the sets of a grid: as stored, and as training sees them.

    Args:
        trials: one per set and seed; their protocols are not used.
        setup: of the trials.
        observer: the network that looks.

    Returns:
        A row per set: arm, method, family, dataset, size, ipc, seed (the set's), observer, and
        what `entropy_of_set` gives.
    """
    rows = []
    for trial in trials:
        images = setup.set_of(trial)
        rows.append(
            {
                "arm": trial.arm.key,
                "method": trial.arm.method,
                "family": images.provenance["family"],
                "dataset": images.provenance.get("source", "?"),
                "size": images.size,
                "ipc": trial.ipc,
                "seed": trial.seeds.set,
                "observer": observer.name,
            }
            | entropy_of_set(images, observer, seed=trial.seeds.set)
        )
    return pd.DataFrame(rows)


def entropy_of_set(
    images: ImageSet, observer: Observer, view: str | None = None, seed: int = 0
) -> dict[str, float]:
    """Mean entropy of a set's images, as stored and as training sees them, nats.

    Args:
        images: the set.
        observer: the network that looks.
        view: how training shows the images; the set's own view when left out.
        seed: of the draws of views.

    Returns:
        stored and stored_nll, of the images as they are; seen and seen_nll, of training's views;
        at_crop, of the smallest crops that training takes of a whole image.
    """
    as_is = entropy_and_nll(images, observer)
    views = entropy_and_nll(images, observer, view or images.view, seed=seed)
    smallest = (images.traits.min_crop, images.traits.min_crop)
    crops = entropy_and_nll(images, observer, "whole", smallest, repeats=8, seed=seed)
    return {
        "stored": as_is["entropy"].mean(),
        "seen": views["entropy"].mean(),
        "at_crop": crops["entropy"].mean(),
        "stored_nll": as_is["nll"].mean(),
        "seen_nll": views["nll"].mean(),
    }


def entropy_of_views(
    stored: ImageSet, observer: Observer, seeds: int, repeats: int = 8
) -> pd.DataFrame:
    """Mean entropy and NLL of a set's images and of every view of them, seed by seed.

    Seeds differ in the draws only: an interval over them speaks of this set and this observer.

    Args:
        stored: composites.
        observer: the network that looks.
        seeds: repetitions of the draws; the set is the same.
        repeats: views of each image.

    Returns:
        A row per view ("stored", "whole", "shuffle", "cell") and seed: arm, view, seed, entropy,
        nll (nats).
    """
    rows = []
    for seed in range(seeds):
        for view in ("stored", "whole", "shuffle", "cell"):
            arm = "pca" if view == "cell" else f"pca view={view}"
            found = entropy_and_nll(stored, observer, view, repeats=repeats, seed=seed)
            means = found[["entropy", "nll"]].mean().to_dict()
            rows.append(means | {"arm": arm, "view": view, "seed": seed})
    return pd.DataFrame(rows)
