"""Figures of difficulty scores: their distribution, and how far they agree."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from ...data.imagesets import ImageSet
from ...data.loading import to_look_at
from ...prune.recorders import Scores
from .base import (
    FAMILY_COLOURS,
    PALETTE,
    caption,
    ipc_markers,
    legend_beside,
    plot_line,
    seeds_note,
    show_image,
)
from .names import metric_title


def plot_scores(scores: dict[str, Scores]) -> Figure:
    """A histogram of each score, easy left, hard right, without the images never learned."""
    figure, axes = plt.subplots(1, len(scores), figsize=(2.6 * len(scores), 2.3), squeeze=False)
    for ax, (name, one) in zip(axes[0], scores.items(), strict=True):
        values = one.values.numpy()
        never = None if one.never_learned is None else one.never_learned.numpy()
        learned = values if never is None else values[~never]
        ax.hist(learned, bins=40, color=FAMILY_COLOURS["pruning"])
        ax.set_title(metric_title(name))
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
    """The table of `agreement` as a shaded square with its numbers."""
    side = 0.8 + 0.62 * len(table)
    figure, ax = plt.subplots(figsize=(side + 0.6, side))
    names = [metric_title(name) for name in table]
    sns.heatmap(
        table.set_axis(names, axis=0).set_axis(names, axis=1),
        annot=True,
        fmt=".2f",
        cmap="Blues",
        vmin=0,
        vmax=1.3,
        cbar=False,
        ax=ax,
    )
    ax.tick_params(length=0)
    ax.tick_params(axis="x", rotation=30)
    ax.tick_params(axis="y", rotation=0)
    return figure


def windows_figure(table: pd.DataFrame) -> Figure:
    """Accuracy against where the window of difficulty begins, a line per ipc; the band is ± 1 sd.

    Args:
        table: trials of "el2n" with several values of `skip`, and of "random", one dataset, size,
            network and protocol. Dotted lines show the means of random images.
    """
    figure, ax = plt.subplots(figsize=(6.2, 3.4))
    for k, (ipc, mark) in enumerate(ipc_markers(table["ipc"]).items()):
        rows = table[table["ipc"] == ipc]
        windows = rows[rows["method"] != "random"]
        windows = windows.assign(skip=100 * windows["skip"])
        plot_line(ax, windows, "skip", PALETTE[k], f"{ipc}", f"{mark}-")
        ax.axhline(rows.loc[rows["method"] == "random", "top1"].mean(), color=PALETTE[k], ls=":")
    ax.set_ylim(bottom=0)
    ax.set_xlabel("images of a class that are easier than those kept, %")
    ax.set_ylabel("top-1 accuracy, %")
    legend_beside(ax, title="per class\n(dotted: random)")
    ax.set_title(f"{caption(table, labels=True)}\n{seeds_note(table)}")
    return figure


def ends_figure(pool: ImageSet, ends: pd.DataFrame) -> Figure:
    """The easiest and the hardest images of each class, the score below each.

    Args:
        pool: the images.
        ends: of `analyses.difficulty.ends`.
    """
    classes, each = list(ends["class"].unique()), ends["place"].max()
    figure, axes = plt.subplots(
        len(classes),
        2 * each + 1,
        figsize=(1.64 * each + 1.2, 1.0 * len(classes) + 0.5),
        width_ratios=[*[1] * each, 0.25, *[1] * each],
        squeeze=False,
    )
    for ax in axes.flat:
        ax.set_axis_off()
    pictures = to_look_at(pool[ends["position"].tolist()])
    for row, pixels in zip(ends.to_dict("records"), pictures, strict=True):
        column = row["place"] - 1 if row["end"] == "easy" else 2 * each + 1 - row["place"]
        ax = axes[classes.index(row["class"]), column]
        show_image(ax, pixels)
        score = f"{row['score']:.2f}"
        ax.annotate(score, (0.5, -0.03), None, "axes fraction", size=7, ha="center", va="top")
    for line, name in zip(axes, classes, strict=True):
        name = name.replace("_", " ")[:16]
        line[0].annotate(name, (-0.12, 0.5), None, "axes fraction", size=8, ha="right", va="center")
    axes[0, 0].set_title("easiest", fontsize=9)
    axes[0, each + 1].set_title("hardest →", fontsize=9)
    figure.suptitle("the score below each image, higher is harder", x=0.01, ha="left", fontsize=9)
    return figure
