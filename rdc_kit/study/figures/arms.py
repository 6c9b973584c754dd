"""Figures that compare arms, drawn from the tidy table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..grid.arms import Arm
from ..verdicts import stats
from ..verdicts.stats import summarise, with_lines
from .base import (
    DARK_BLUE,
    NUMBER,
    PALETTE,
    caption,
    family_colour,
    legend_beside,
    log_axis,
    mark_chance,
    marker,
    plot_line,
    seeds_note,
    tests_note,
)
from .names import VIEWS, arm_titles, method_title, network_title, part_titles

_METRIC_LOOKS = (("-", "o"), ("--", "s"), (":", "^"))  # dash and marker
_ORDER_LOOKS = {
    "easy": (PALETTE[0], PALETTE[0]),  # of the line, within a mark
    "hard": (DARK_BLUE, "white"),
    "ccs": (PALETTE[9], PALETTE[9]),
    "random": (family_colour("baseline"), family_colour("baseline")),
}
_PUBLISHED = ("random", "el2n", "pca")  # methods beside our first look
# Shades of PCA's colour, the usual view its own.
_VIEW_COLOURS = {"cell": PALETTE[3], "whole": "#f5b98c", "shuffle": "#7a3600"}


def plot_arms(
    ax: Axes,
    table: pd.DataFrame,
    chance: float | None = None,
    titles: Mapping[str, str] | None = None,
) -> None:
    """Accuracy of each arm: every seed as a point, the mean as a line, the sd as a band.

    Args:
        ax: where to draw.
        table: tidy table; the arms' names are made from its columns.
        chance: accuracy of guessing, percent; drawn as a dotted line.
        titles: other names: key of an arm -> its name.
    """
    summary = summarise(table)
    titles = titles or arm_titles(table)
    for y, row in enumerate(summary.itertuples()):
        rows = table[table["arm"] == row.arm]
        colour = family_colour(rows["family"].iloc[0])
        if row.n > 1:
            ax.barh(y, 2 * row.sd, 0.5, left=row.mean - row.sd, color=colour, alpha=0.25)
        ax.plot([row.mean] * 2, [y - 0.3, y + 0.3], color=colour, lw=2)
        jitter = np.linspace(-0.12, 0.12, len(rows)) if len(rows) > 1 else [0.0]
        ax.scatter(rows["top1"], y + np.asarray(jitter), s=11, color=colour, zorder=3)
        number = ax.annotate(
            f"{row.mean:.1f}", (row.mean, y - 0.3), (0, 2), textcoords="offset points", **NUMBER
        )
        number.set(ha="center", size=8)
    ax.set_yticks(range(len(summary)), [titles[key] for key in summary["arm"]])
    ax.set_ylim(len(summary) - 0.4, -0.95)
    ax.set_xlim(left=0)
    if summary["mean"].min() < 0.03 * ax.get_xlim()[1]:
        ax.set_xlim(left=-0.08 * ax.get_xlim()[1])  # or the axis would strike its number through
    if chance is not None:
        mark_chance(ax, chance)
    ax.set_xlabel("top-1 accuracy of the last epoch, %")
    ax.grid(axis="y", visible=False)


def ways_figure(table: pd.DataFrame) -> Figure:
    """Ways of choosing beside each other: every seed as a point, the mean as a line.

    Args:
        table: tidy table of one dataset, size, ipc and protocol.
    """
    figure, ax = plt.subplots(figsize=(6.4, 0.45 * table["arm"].nunique() + 1.2))
    plot_arms(ax, table, stats.chance(table))
    told = [seeds_note(table), *filter(None, [tests_note(table)])]
    ax.set_title(f"{caption(table, labels=True)}\n{'; '.join(told)}")
    return figure


def _plot_published(ax: Axes, table: pd.DataFrame) -> None:
    """Accuracies by ipc, a line for each of _PUBLISHED; hollow where the source is second-hand."""
    shown = table[table["method"].isin(_PUBLISHED)]
    for method in [name for name in _PUBLISHED if name in set(shown["method"])]:
        rows = shown[shown["method"] == method]
        colour, ipcs = family_colour(rows["family"].iloc[0]), rows["ipc"].astype(int)
        ax.plot(ipcs, rows["top1"], color=colour, zorder=1)
        fill = [colour if status == "exact" else "white" for status in rows["status"]]
        ax.scatter(ipcs, rows["top1"], s=22, color=fill, edgecolor=colour, zorder=2)
        ax.annotate(
            method_title(method),
            (ipcs.iloc[-1], rows["top1"].iloc[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            size=8,
        )
    ticks = sorted(shown["ipc"].astype(int).unique())
    log_axis(ax, ticks)
    if ticks:
        ax.set_xlim(ticks[0] / 1.4, ticks[-1] * 5)  # with room for the names
    ax.set_xlabel("images per class")
    ax.set_ylim(bottom=0)


def first_look(table: pd.DataFrame, reference: pd.DataFrame) -> Figure:
    """Our numbers beside the paper's: the arms of `arms.pca_arms`, and published hard-label ones.

    Args:
        table: tidy table of one dataset, size, ipc and protocol.
        reference: published ImageNet-1K numbers with hard labels.
    """
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(8.4, 3.8), gridspec_kw={"width_ratios": [1.7, 1]}
    )
    figure.set_layout_engine("constrained", wspace=0.08)
    plot_arms(left, table, stats.chance(table))
    facts = [caption(table, labels=True, student=False), _networks(table), seeds_note(table)]
    left.set_title("Here: " + "\n".join(facts))
    _plot_published(right, reference)
    right.set_title("Published: ImageNet-1K\nhard labels; hollow: second-hand source")
    right.set_ylabel("top-1 accuracy, %")
    return figure


def _networks(table: pd.DataFrame) -> str:
    return ", ".join(map(network_title, table["student"].unique()))


def ablation_figure(
    table: pd.DataFrame, parts: Mapping[str, Sequence[Arm]], full: str = "pca"
) -> Figure:
    """A panel per question: accuracy of each arm, seeds as points, band of ± 1 sd.

    Args:
        table: tidy table of one dataset, size and protocol.
        parts: question -> arms; the table has them all.
        full: key of the arm that the others are compared with; a line shows its mean.
    """
    columns = 2
    lines = math.ceil(len(parts) / columns)
    names = list(parts)
    heights = [
        max(len(parts[n]) for n in names[k * columns : (k + 1) * columns]) + 1 for k in range(lines)
    ]
    figure, axes = plt.subplots(
        lines,
        columns,
        figsize=(8.6, 0.36 * sum(heights) + 0.9),
        gridspec_kw={"height_ratios": heights},
        squeeze=False,
    )
    reference = table.loc[table["arm"] == full, "top1"].mean()
    for ax, name in zip(axes.flat, names, strict=False):
        rows = pd.concat([table[table["arm"] == arm.key] for arm in parts[name]])
        guess = stats.chance(table)
        near = rows["top1"].min() < 2 * guess
        plot_arms(ax, rows, guess if near else None, part_titles(rows, full))
        if not near:  # on the whole axis such lines would lie on each other
            ax.set_xlim(left=rows["top1"].min() - 4)
        ax.axvline(reference, color="#bbbbbb", lw=0.8, zorder=0)
        ax.set_title(name)
        ax.set_xlabel("")
    for ax in list(axes.flat)[len(names) :]:
        ax.set_axis_off()
    for ax in list(axes.flat)[: len(names)][-columns:]:
        ax.set_xlabel("top-1 accuracy of the last epoch, %")
    usual = table[table["arm"] == full]
    shared = caption(usual if len(usual) else table, labels=True)
    note = f"{seeds_note(table)}; grey line: PCA; axes differ"
    figure.suptitle(f"{shared}\n{note}", x=0.01, ha="left", fontsize=9.5)
    return figure


def crops_figure(table: pd.DataFrame) -> Figure:
    """Accuracy against the smallest crop, a line per view; the band is ± 1 sd over seeds.

    Args:
        table: trials of `arms.crop_arms`.
    """
    figure, ax = plt.subplots(figsize=(6.2, 3.2))
    for k, (view, rows) in enumerate(table.groupby("view", sort=False)):
        colour = _VIEW_COLOURS.get(str(view), "#333333")
        title = VIEWS.get(str(view), str(view))
        plot_line(ax, rows, "crop_low", colour, title, f"{marker(k)}-")
    ax.set_xlabel("smallest crop, r: share of the area of a cell (extracted) or composite")
    ax.axhline(stats.chance(table), color="#333333", ls=":", lw=1, label="chance")
    ax.set_ylabel("top-1 accuracy, %")
    ax.set_ylim(bottom=0)
    legend_beside(ax)
    facts = caption(table, labels=True, student=False)
    ax.set_title(f"{facts}\n{_networks(table)}; {seeds_note(table)}")
    return figure


def orders_figure(table: pd.DataFrame) -> Figure:
    """Accuracy against images per class, a line per arm; bars are ± 1 sd over seeds.

    Args:
        table: trials of `arms.pruning_arms`, whose order the legend has. Shade and filling show
            which end is kept, dash and marker by which metric. Own methods may be among them; an
            order that the kit does not know is dark grey.
    """
    figure, ax = plt.subplots(figsize=(6.6, 3.6))
    methods = [name for name in table["method"].unique() if name not in ("random", "ccs")]
    titles = arm_titles(table)
    for k, (key, title) in enumerate(titles.items()):
        rows = table[table["arm"] == key]
        method, order = rows["method"].iloc[0], rows["order"].iloc[0]
        dash, mark = ("-", "D" if order == "ccs" else "o")
        if method in methods:
            dash, mark = _METRIC_LOOKS[methods.index(method) % len(_METRIC_LOOKS)]
        colour, face = _ORDER_LOOKS.get(order, ("#333333", "#333333"))
        found = rows.groupby("ipc")["top1"].agg(["mean", "std"])
        beside = found.index * 1.012 ** (k - (len(titles) - 1) / 2)
        ax.errorbar(
            beside,
            found["mean"],
            found["std"],
            ls=dash,
            marker=mark,
            ms=4.5,
            color=colour,
            mfc=face,
            elinewidth=1,
            label=title,
        )
    log_axis(ax, sorted(table["ipc"].unique()))
    ax.axhline(stats.chance(table), color="#333333", ls=":", lw=1, label="chance")
    ax.set_xlabel("images per class")
    ax.set_ylabel("top-1 accuracy, %")
    ax.set_ylim(bottom=0)
    drawn = [*ax.containers, ax.lines[-1]]  # chance last
    legend_beside(ax, handles=drawn, handlelength=3.5)
    ax.set_title(f"{caption(table, labels=True)}\n{seeds_note(table, 'bars: ± 1 sd')}")
    return figure


def architectures_figure(table: pd.DataFrame) -> Figure:
    """Accuracy of each network on each method's set: mean over seeds, with a bar of ± 1 sd.

    Args:
        table: tidy table of a grid: one dataset, size, ipc and protocol, several students.
    """
    table = with_lines(table)
    networks = list(table["student"].unique())
    methods = list(table["method"].unique())
    figure, ax = plt.subplots(figsize=(6.6, 0.42 * len(networks) + 1.3))
    places = np.linspace(-0.24, 0.24, len(methods))
    for k, method in enumerate(methods):
        rows = table[table["method"] == method]
        summary = rows.groupby("student")["top1"].agg(["mean", "std"]).loc[networks]
        ax.errorbar(
            summary["mean"],
            np.arange(len(networks)) + places[k],
            xerr=summary["std"],
            fmt=marker(k),
            ms=4.5,
            lw=1.1,
            color=family_colour(rows["family"].iloc[0]),
            label=method_title(method),
        )
    ax.axvline(stats.chance(table), color="#333333", ls=":", lw=1)
    ax.set_yticks(range(len(networks)), map(network_title, networks))
    ax.set_ylim(len(networks) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("top-1 accuracy of the last epoch, % (dotted: chance)")
    legend_beside(ax)
    ax.set_title(
        f"{caption(table, labels=True, student=False)}\n{seeds_note(table, 'bars: ± 1 sd')}"
    )
    return figure
