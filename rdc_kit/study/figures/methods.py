"""Figures of methods: accuracy by family, hard against soft labels, and what labels cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from ...methods import KITS, METHODS
from ..verdicts.stats import with_lines
from .base import caption, family_colour, marker, seeds_note
from .names import method_title


def plot_methods(
    ax: Axes, table: pd.DataFrame, methods: Sequence[str], ipcs: Sequence[int]
) -> None:
    """Accuracy of each method on a line of its own; a marker per ipc, colours by family.

    Several runs of a method and ipc are shown as their mean with a bar of ± 1 sd. The dotted lines
    show Random. A published number from a second-hand source is hollow.

    Args:
        ax: where to draw.
        table: columns method, family, ipc, top1; for published numbers also status.
        methods: from top to bottom; a method without numbers has an empty line, which says so but
            for a method of one's own among published numbers.
        ipcs: images per class to show, smallest first.
    """
    for y, method in enumerate(methods):
        rows = table[table["method"] == method]
        published_for_none = "status" in table and method.split()[0] not in KITS
        if rows.empty and not published_for_none:
            ax.text(0.01, y, "not found", transform=ax.get_yaxis_transform(), **_QUIET)
        for k, ipc in enumerate(ipcs):
            values = rows.loc[rows["ipc"].astype(int) == ipc, "top1"].to_numpy(float)
            if not len(values):
                continue
            colour = family_colour(rows["family"].iloc[0])
            exact = "status" not in rows or (rows["status"] == "exact").all()
            spread = np.std(values, ddof=1) if len(values) > 1 else None
            ax.errorbar(
                values.mean(),
                y,
                xerr=spread,
                fmt=marker(k),
                color=colour,
                mfc=colour if exact else "white",
                ms=5,
                lw=1.2,
            )
            if method == "random":
                ax.axvline(values.mean(), color=colour, ls=":", lw=0.9, zorder=0)
    ax.set_yticks(range(len(methods)), [method_title(m) for m in methods])
    ax.set_ylim(len(methods) - 0.4, -1.7)  # room for the legend
    ax.set_xlim(left=0)
    ax.grid(axis="y", visible=False)
    ax.legend(
        handles=_shapes(_per_class(ipcs)),
        ncols=len(ipcs),
        loc="upper right",
        fontsize=7,
        handletextpad=0.1,
        columnspacing=1,
        borderaxespad=0.2,
        frameon=True,
        facecolor="white",
        edgecolor="none",
        framealpha=1,
    )


_QUIET: dict[str, Any] = {"size": 7, "color": "#999999", "va": "center"}
_QUIET["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}  # over Random's line


def labels_figure(table: pd.DataFrame, reference: pd.DataFrame | None = None) -> Figure:
    """Figures 2 and 1 of the paper, drawn again: soft labels left, hard right; ours on top.

    Args:
        table: tidy table of a grid: one dataset, size and network, and the protocols "hard" and
            "soft".
        reference: published ImageNet-1K numbers with the protocol "rethinkdc"; without any, ours
            stand alone.
    """
    table = with_lines(table)
    methods = _in_order(table)
    lines = 1 if reference is None or reference.empty else 2
    figure, axes = plt.subplots(
        lines, 2, figsize=(8.4, (0.21 * len(methods) + 1) * lines), squeeze=False
    )
    for column, labels in enumerate(("soft", "hard")):
        own_rows = table[table["protocol"] == labels]
        ours = axes[0, column]
        plot_methods(ours, own_rows, methods, sorted(own_rows["ipc"].unique()))
        ours.set_title(f"{labels} labels, here")
        if reference is not None and lines == 2:
            published_rows = reference[reference["labels"] == labels]
            published_ipcs = sorted(published_rows["ipc"].astype(int).unique())
            plot_methods(axes[1, column], published_rows, methods, published_ipcs)
            axes[1, column].set_title(
                f"{labels} labels, published: ImageNet-1K\nhollow: second-hand source"
            )
        axes[-1, column].set_xlabel("top-1 accuracy of the last epoch, %")
        if column:
            for ax in axes[:, column]:
                ax.tick_params(labelleft=False)
    told = f"Here: {caption(table)}; {seeds_note(table, 'mean ± 1 sd')}"
    figure.suptitle(told, x=0.01, ha="left", fontsize=9.5)
    return figure


def _in_order(table: pd.DataFrame) -> list[str]:
    """A table's methods: the kit's in its order, then the others in that of the table."""
    places = {name: k for k, name in enumerate(METHODS)}
    # A method with several arms goes by their keys.
    return sorted(table["method"].unique(), key=lambda n: places.get(n.split()[0], len(places)))


def _shapes(names: Sequence[object]) -> list[Line2D]:
    return [
        Line2D([], [], marker=marker(k), color="#555555", ls="", ms=4, label=str(name))
        for k, name in enumerate(names)
    ]


def _per_class(ipcs: Sequence[int]) -> list[str]:
    """The words of a legend; of more than three, only the last has all, or it leaves its panel."""
    words = [f"{ipc} per class" for ipc in ipcs]
    return words if len(ipcs) <= 3 else [*map(str, ipcs[:-1]), words[-1]]


def gaps_figure(found: pd.DataFrame, title: str = "") -> Figure:
    """What soft labels add to each method; from `metrics.soft_hard_gaps`."""
    methods = _in_order(found)
    ipcs = sorted(found["ipc"].unique())
    high = 0.28 * max(1, len(ipcs) / 3)  # of a method's line
    figure, ax = plt.subplots(figsize=(5.6, high * len(methods) + 1))
    step = min(0.32, 0.96 / len(ipcs))  # so that no mark lies in another method's line
    for k, ipc in enumerate(ipcs):
        rows = found[found["ipc"] == ipc].set_index("method")
        rows = rows.loc[[name for name in methods if name in rows.index]]
        colours = [family_colour(family) for family in rows["family"]]
        lines = np.array([methods.index(name) for name in rows.index])
        places = lines + step / 2 * (2 * k - len(ipcs) + 1)
        for y, (_, row), colour in zip(places, rows.iterrows(), colours, strict=True):
            ax.errorbar(row["gap"], y, xerr=row["ci95"], fmt=marker(k), color=colour, ms=5, lw=1.2)
    ax.axvline(0, color="#333333", lw=0.8)
    ax.set_yticks(range(len(methods)), [method_title(m) for m in methods])
    ax.set_ylim(len(methods) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)
    ax.legend(
        handles=_shapes(ipcs),
        title="per class",
        fontsize=7.5,
        loc="center left",
        bbox_to_anchor=(1, 0.5),
    )
    ax.set_title(title)
    ax.set_xlabel(f"soft minus hard, points of top-1 (95 % t-interval, n = {found['n'].min()})")
    return figure


def price_figure(table: pd.DataFrame) -> Figure:
    """Accuracy against all bytes of a set, images and labels; a line per method.

    Args:
        table: tidy table with columns method, family, protocol, image_bytes, label_bytes, top1.
    """
    figure, ax = plt.subplots(figsize=(5.6, 3.2))
    total = (table["image_bytes"] + table["label_bytes"]).rename("bytes")
    keys = ["method", "family", "protocol"]
    table = with_lines(table).assign(bytes=total)
    points = table.groupby(keys, sort=False)[["bytes", "top1"]].mean()
    for (method, family), rows in points.groupby(["method", "family"], sort=False):
        rows = rows.sort_values("bytes")
        ax.plot(rows["bytes"], rows["top1"], color=family_colour(family), lw=0.8, zorder=1)
        for (_, _, protocol), row in rows.iterrows():
            shape = marker(list(points.index.unique("protocol")).index(protocol))
            ax.plot(row["bytes"], row["top1"], shape, color=family_colour(family), ms=5)
        last = rows.iloc[-1]
        ax.annotate(
            method_title(method),
            (last["bytes"], last["top1"]),
            xytext=(6, 0),
            textcoords="offset points",
            size=8,
            va="center",
        )
    ax.legend(handles=_shapes(points.index.unique("protocol")), title="labels", fontsize=7.5)
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(EngFormatter("B"))
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.margins(x=0.25)
    ax.set_title(f"{caption(table, student=False)}\nmeans, {seeds_note(table, '')}")
    ax.set_xlabel("images and labels, bytes (soft: as if stored)")
    ax.set_ylabel("top-1 accuracy, %")
    return figure
