"""Open questions as grids: every metric with every combining rule, and PCA on distilled sets."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from ...methods import METHODS
from ...train.protocol import Protocol
from ..grid.arms import Arm
from ..grid.experiments import Experiment, plan_trials
from ..grid.setups import LAYERS, Setup

_ROOM = 2  # distilled images to choose from, for each image that PCA keeps


def crossed(table: pd.DataFrame) -> pd.DataFrame:
    """The trials of `arms.crossing_arms`, ranked.

    Returns:
        Columns chosen (the metric, or "random"), grid, grouping, mean, sd, n, rank (1 is best),
        behind (points behind the best).
    """
    chosen = table["metric"].where(table["order"] != "random", "random")
    groups = table.assign(chosen=chosen).groupby(["chosen", "grid", "grouping"], sort=False)
    ranked = groups["top1"].agg(["mean", "std", "size"]).reset_index()
    ranked = ranked.rename(columns={"std": "sd", "size": "n"})
    ranked = ranked.sort_values("mean", ascending=False, ignore_index=True)
    best = ranked["mean"].max()
    return ranked.assign(rank=range(1, len(ranked) + 1), behind=best - ranked["mean"])


def distilled() -> list[str]:
    """The distillation methods of the registry."""
    return [name for name, m in METHODS.items() if m.family.startswith("distillation")]


def on_top(setup: Setup, ipc: int, grid: int, seeds: int, protocol: Protocol) -> pd.DataFrame:
    """PCA with each distilled set as its pool, beside the distilled set itself, at equal storage.

    Each method distils 2 ipc grid^2 images per class (seed 0), or as many as the smallest class has
    real ones, since some methods begin from these. PCA prunes them, by the EL2N of a
    training on them or at random, and combines what it keeps.

    Args:
        setup: the real pool, the test set and the teacher.
        ipc: stored images per class of every arm.
        grid: cells per side of the composites.
        seeds: number of trainings per arm; each arm has one set.
        protocol: with hard labels.

    Returns:
        The tidy table; arms such as "sre2l", "pca on=sre2l" and "pca on=sre2l order=random".
    """
    tables = []
    room = min(_ROOM * ipc * grid**2, int(setup.pool.counts().min()))
    for name in distilled():
        # RDED's crops stay whole: composites cannot be combined again.
        pool_arm = Arm(name, {"factor": 1} if name == "rded" else {})
        distilled_setup = replace(setup, pool=setup.make(pool_arm, room))
        options = {"grid": grid}
        pca_arms = [Arm("pca", options, pool=name)]
        pca_arms.append(Arm("pca", options | {"order": "random"}, pool=name))
        for arms, arms_setup in (([Arm(name)], setup), (pca_arms, distilled_setup)):
            trials = plan_trials(arms_setup, arms, ipc, [protocol], seeds, frozen=LAYERS)
            tables.append(Experiment(arms_setup, trials, f"PCA on {name}").measure())
    return pd.concat(tables, ignore_index=True)


def on_top_pairs() -> list[tuple[str, str]]:
    """The differences to look at: PCA on a distilled set minus the set, and minus random on it."""
    pairs = [(f"pca on={name}", name) for name in distilled()]
    return pairs + [(key, f"{key} order=random") for key, _ in pairs]
