"""Difficulty scores looked at: how they are distributed, how far they agree, what they tie."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ...data.imagesets import ImageSet
from ...prune.recorders import Scores
from ..figures.base import FAMILY_COLOURS

NAMES = {"el2n": "EL2N", "forgetting": "Forgetting", "aum": "AUM", "aum_prob": "AUM (p)"}
_LINES = ["-", "--", ":", "-."]


def agreement(scores: dict[str, Scores]) -> pd.DataFrame:
    """Spearman's rank correlation between scores, 1 where they order the images alike.

    Args:
        scores: from `dynamics`, of the same pool.
    """
    columns = {NAMES.get(name, name): one.values.numpy() for name, one in scores.items()}
    return pd.DataFrame(columns).corr("spearman")


def ties(scores: dict[str, Scores], pool: ImageSet, per_class: Sequence[int]) -> pd.DataFrame:
    """Share of a class that ties with the image at the cut, mean over classes: drawn by lot.

    Args:
        scores: of the pool.
        pool: gives the classes.
        per_class: images kept of each class, a column each.

    Returns:
        A row per score and end ("easiest", "hardest"), fractions 0..1; 0 where nothing ties.
    """
    rows = {}
    for name, one in scores.items():
        for end, sign in (("easiest", 1), ("hardest", -1)):
            shares = [_tied(sign * one.values.numpy(), pool, keep) for keep in per_class]
            rows[NAMES.get(name, name), end] = shares
    columns = pd.Index(list(per_class), name="per class")
    return pd.DataFrame.from_dict(rows, "index", columns=columns).set_index(
        pd.MultiIndex.from_tuples(rows, names=["score", "end"])
    )


def _tied(values: np.ndarray, pool: ImageSet, keep: int) -> float:
    shares = []
    for label in range(pool.num_classes):
        mine = values[pool.rows_of(label).numpy()]
        equals = int((mine == np.sort(mine)[keep - 1]).sum())
        shares.append(equals / len(mine) if equals > 1 else 0.0)
    return float(np.mean(shares))


def plot_scores(scores: dict[str, Scores]) -> Figure:
    """A histogram of each score; easy left, hard right; images never learned stand apart."""
    figure, axes = plt.subplots(1, len(scores), figsize=(2.6 * len(scores), 2.3), squeeze=False)
    for ax, (name, one) in zip(axes[0], scores.items(), strict=True):
        values = one.values.numpy()
        never = None if one.never_learned is None else one.never_learned.numpy()
        learned = values if never is None else values[~never]
        ax.hist(learned, bins=40, color=FAMILY_COLOURS["pruning"])
        ax.set_title(NAMES.get(name, name))
        ax.set_xlabel("difficulty: easy to hard")
        least = (values == values.min()).mean()
        if least > 0.01:
            ax.annotate(
                f"{100 * least:.0f} % share\nthe lowest value",
                (0.97, 0.9),
                xycoords="axes fraction",
                ha="right",
                va="top",
                size=8,
            )
        ax.grid(axis="x", visible=False)
    axes[0, 0].set_ylabel("images")
    return figure


def agreement_figure(table: pd.DataFrame) -> Figure:
    """The table of `agreement` as a shaded square, each number written in."""
    side = 0.8 + 0.62 * len(table)
    figure, ax = plt.subplots(figsize=(side + 0.6, side))
    ax.imshow(table, cmap="Blues", vmin=0, vmax=1.3)
    for (row, column), value in np.ndenumerate(table.to_numpy()):
        ax.text(column, row, f"{value:.2f}", ha="center", va="center", size=8.5)
    ax.set_xticks(range(len(table)), table.columns)
    ax.set_yticks(range(len(table)), table.index)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.tick_params(axis="x", rotation=30)
    return figure


def orders_figure(table: pd.DataFrame) -> Figure:
    """Accuracy against images per class, a line per arm; the band is ± 1 sd over seeds.

    Args:
        table: tidy table; arms are named "SCORE, ORDER", such as "EL2N, easiest", or "random".
    """
    shades = {"easiest": "#0173b2", "hardest": "#d55e00", "spread (CCS)": "#029e73"}
    figure, ax = plt.subplots(figsize=(6.6, 3.4))
    scored = list(dict.fromkeys(arm.partition(", ")[0] for arm in table["arm"] if ", " in arm))
    for arm, mine in table.groupby("arm", sort=False):
        score, _, order = str(arm).partition(", ")
        colour = shades.get(order, "#777777")
        line = _LINES[scored.index(score)] if score in scored else "-"
        found = mine.groupby("ipc")["top1"].agg(["mean", "std"])
        ax.plot(found.index, found["mean"], line, color=colour, label=arm, marker="o", ms=3)
        low, high = found["mean"] - found["std"], found["mean"] + found["std"]
        ax.fill_between(found.index, low, high, color=colour, alpha=0.12, lw=0)
    ax.set_xscale("log")
    ipcs = sorted(table["ipc"].unique())
    ax.set_xticks(ipcs, [str(ipc) for ipc in ipcs])
    ax.minorticks_off()
    ax.set_xlabel("images per class")
    ax.set_ylabel("top-1 accuracy, %")
    ax.legend(fontsize=7.5, loc="center left", bbox_to_anchor=(1, 0.5))
    facts, seeds = table.iloc[0], table["seed"].nunique()
    ax.set_title(
        f"{facts['dataset']}, {facts['size']} px, hard labels, {facts['epochs']} epochs, "
        f"{facts['student']}\nn = {seeds} seeds; band: ± 1 sd"
    )
    return figure
