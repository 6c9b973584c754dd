"""Open questions as grids: metrics crossed with combining rules, and PCA on distilled sets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ...methods import METHODS, compress
from ...train.protocols import Protocol
from ..figures.methods import NAMES
from ..grid.arms import Arm
from ..grid.experiments import Bench, arm_cells, run_cells

METRICS = {"EL2N": "el2n", "AUM": "aum", "Forgetting": "forgetting", "random": "random"}
RULES: dict[str, dict[str, Any]] = {
    "single": {"grid": 1},
    "1 x 2": {"grid": (1, 2)},
    "2 x 2, alike in rank": {"grid": 2},
    "2 x 2, neighbours": {"grid": 2, "grouping": "sequential"},
    "2 x 2, by lot": {"grid": 2, "grouping": "random"},
    "3 x 3, alike in rank": {"grid": 3},
}
_ROOM = 2  # distilled images to choose from, for each one that PCA keeps


def crossing_arms() -> list[Arm]:
    """Every pruning metric with every combining rule, at equal storage, seen by extraction."""
    return [
        Arm(f"{metric} | {rule}", "pca", _metric(name) | options, "cell")
        for metric, name in METRICS.items()
        for rule, options in RULES.items()
    ]


def _metric(name: str) -> dict[str, Any]:
    return {"order": "random"} if name == "random" else {"metric": name}


def crossed(table: pd.DataFrame) -> pd.DataFrame:
    """Runs of `crossing_arms`, ranked.

    Returns:
        Columns metric, rule, mean, sd, n, rank (1 is best), behind (points behind the best).
    """
    found = table.groupby("arm", sort=False)["top1"].agg(["mean", "std", "size"]).reset_index()
    names = found["arm"].str.split(" | ", regex=False, expand=True)
    found = found.assign(metric=names[0], rule=names[1])
    found = found.rename(columns={"std": "sd", "size": "n"}).sort_values("mean", ascending=False)
    found["rank"] = range(1, len(found) + 1)
    found["behind"] = found["mean"].max() - found["mean"]
    order = ["metric", "rule", "mean", "sd", "n", "rank", "behind"]
    return found[order].reset_index(drop=True)


def crossing_figure(table: pd.DataFrame) -> Figure:
    """Mean accuracy of each pair, shaded, with its sd; from the runs."""
    found = crossed(table)
    means, spreads = (
        found.pivot(index="metric", columns="rule", values=v).loc[list(METRICS), list(RULES)]
        for v in ("mean", "sd")
    )
    figure, ax = plt.subplots(figsize=(7.4, 2.9))
    low, high = means.min(axis=None), means.max(axis=None)
    ax.imshow(means, cmap="cividis", aspect="auto", vmin=low, vmax=high)
    for (row, column), value in np.ndenumerate(means.to_numpy()):
        ink = "black" if value > (low + high) / 2 else "white"
        text = f"{value:.1f}\n± {spreads.to_numpy()[row, column]:.1f}"
        ax.text(column, row, text, ha="center", va="center", size=8, color=ink)
    ax.set_xticks(range(len(RULES)), [name.replace(", ", "\n") for name in RULES])
    ax.set_yticks(range(len(METRICS)), list(METRICS))
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    facts = table.iloc[0]
    ax.set_title(
        f"{facts['dataset']}, {facts['size']} px, {facts['ipc']} per class, {facts['epochs']} "
        f"epochs; top-1 %, mean ± sd, n = {table['seed'].nunique()} seeds"
    )
    return figure


def distilled() -> list[str]:
    """The distillation methods of the registry."""
    return [name for name, m in METHODS.items() if m.family.startswith("distillation")]


def on_top(bench: Bench, ipc: int, grid: int, seeds: int, recipe: Protocol) -> pd.DataFrame:
    """PCA with each distilled set as its pool, beside the distilled set itself, at equal storage.

    Of each method 2 ipc grid^2 images per class are distilled (seed 0); PCA prunes them by EL2N of
    a training on them, or at random, and combines.

    Args:
        bench: the real pool, the test set and the teacher.
        ipc: stored images per class of every arm.
        grid: cells per side of the composites.
        seeds: of the trainings.
        recipe: protocol, hard labels.

    Returns:
        The tidy table, see `experiments.run_cells`; arms "SRe2L", "PCA on SRe2L" and
        "random on SRe2L", and so on.
    """
    found = []
    for name in distilled():
        settings = bench.settings(Arm(name, name))
        if name == "rded":  # whole crops: composites cannot be combined again
            settings |= {"factor": 1}
        room = _ROOM * ipc * grid**2
        pool = compress(name, bench.pool, room, 0, bench.runtime, **settings)
        shown, options = NAMES[name], {"grid": grid}
        alone = [Arm(shown, name)]
        above = [
            Arm(f"PCA on {shown}", "pca", options),
            Arm(f"random on {shown}", "pca", options | {"order": "random"}),
        ]
        over = replace(bench, pool=pool)
        for arms, ground in ((alone, bench), (above, over)):
            cells = arm_cells(arms, ground, ipc, seeds, recipe)
            found.append(run_cells([replace(c, set_seed=0) for c in cells], ground))
    return pd.concat(found, ignore_index=True)


def on_top_pairs() -> list[tuple[str, str]]:
    """Differences of interest: PCA on a distilled set against the set, and against its control."""
    names = [NAMES[name] for name in distilled()]
    return [(f"PCA on {n}", n) for n in names] + [(f"PCA on {n}", f"random on {n}") for n in names]
