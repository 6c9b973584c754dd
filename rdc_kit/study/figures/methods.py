"""Figures of methods: accuracy by family, hard against soft labels, and what labels cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from ...methods import KITS, METHODS
from ..verdicts.stats import chance, with_lines
from .base import (
    CHANCE_ROOM,
    caption,
    family_colour,
    ipc_markers,
    legend_beside,
    mark_chance,
    marker,
    seeds_note,
)
from .names import line_title, protocol_title


def plot_methods(
    ax: Axes, table: pd.DataFrame, methods: Sequence[str], marks: Mapping[int, str]
) -> None:
    """Accuracy of each method on a line of its own; a marker per ipc, colours by family.

    Several runs of a method and ipc are shown as their mean with a bar of ± 1 sd. The dotted lines
    show Random. A published number from a second-hand source is hollow.

    Args:
        ax: where to draw.
        table: columns method, family, ipc, top1; for published numbers also status.
        methods: from top to bottom; a method of the kit without numbers has a line that says so,
            but for a control, which nobody publishes.
        marks: images per class -> marker.
    """
    is_published = "status" in table
    ipcs = sorted(table["ipc"].astype(int).unique())
    for line, method in enumerate(methods):
        rows = table[table["method"] == method]
        if rows.empty and (not is_published or _is_searched(method)):
            told = "not found" if is_published else "not run"
            ax.text(0.01, line, told, transform=ax.get_yaxis_transform(), **_QUIET)
        for k, ipc in enumerate(ipcs):
            values = rows.loc[rows["ipc"].astype(int) == ipc, "top1"].to_numpy(float)
            if not len(values):
                continue
            colour = family_colour(rows["family"].iloc[0])
            exact = "status" not in rows or (rows["status"] == "exact").all()
            ax.errorbar(
                values.mean(),
                line + _beside(k, len(ipcs)),
                xerr=np.std(values, ddof=1) if len(values) > 1 else None,
                fmt=marks[ipc],
                color=colour,
                mfc=colour if exact else "white",
                ms=5,
                lw=1.2,
            )
            if method == "random":
                ax.axvline(values.mean(), color=colour, ls=":", lw=0.9, zorder=0)
    ax.set_yticks(range(len(methods)), [line_title(m) for m in methods])
    ax.set_ylim(len(methods) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)


def _is_searched(method: str) -> bool:
    """Whether published numbers of a line would be known: it is a whole method of the kit's own."""
    return method in KITS and KITS[method].family != "baseline"


def _beside(k: int, count: int) -> float:
    """How far below its line the k-th of several marks stands, so that none hides another."""
    step = min(0.32, 0.96 / count)  # so that no mark lies in another method's line
    return step / 2 * (2 * k - count + 1)


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
    guess = chance(table)
    table = with_lines(table)
    methods = _in_order(table)
    parts = {"here": table.assign(labels=table["protocol"])}
    if reference is not None and len(reference):
        parts["published: ImageNet-1K"] = reference[reference["method"].isin(methods)]
    ipcs = [sorted(part["ipc"].astype(int).unique()) for part in parts.values()]
    marks = ipc_markers(ipc for some in ipcs for ipc in some)
    heights = [0.21 * max(1, len(some) / 3) * len(methods) + 0.8 for some in ipcs]
    heights[0] += 0.21 * CHANCE_ROOM
    figure, axes = plt.subplots(
        len(parts),
        2,
        figsize=(8.4, sum(heights) + 0.5),
        height_ratios=heights,
        sharex="row",
        squeeze=False,
    )
    for line, (where, rows) in zip(axes, parts.items(), strict=True):
        for ax, labels in zip(line, ("soft", "hard"), strict=True):
            plot_methods(ax, rows[rows["labels"] == labels], methods, marks)
            hollow = "\nhollow: second-hand source" if where != "here" else ""
            ax.set_title(f"{labels} labels, {where}{hollow}")
        line[0].set_xlim(left=0)
        line[1].tick_params(labelleft=False)
    for ax in axes[0]:
        mark_chance(ax, guess)
    for ax in axes[-1]:
        ax.set_xlabel("top-1 accuracy of the last epoch, %")
    handles = _shapes(_per_class(list(marks)), marks.values())
    handles.append(Line2D([], [], color=family_colour("baseline"), ls=":", lw=0.9, label="Random"))
    figure.legend(handles=handles, ncols=8, loc="outside lower center", fontsize=8)
    told = f"Here: {caption(table)}\n{seeds_note(table, 'mean ± 1 sd')}"
    figure.suptitle(told, x=0.01, ha="left", fontsize=9.5)
    return figure


def _in_order(table: pd.DataFrame) -> list[str]:
    """A table's methods: the kit's in its order, then the others in that of the table."""
    places = {name: k for k, name in enumerate(METHODS)}
    # A method with several arms goes by their keys.
    return sorted(table["method"].unique(), key=lambda n: places.get(n.split()[0], len(places)))


def _shapes(names: Iterable[object], marks: Iterable[str]) -> list[Line2D]:
    return [
        Line2D([], [], marker=mark, color="#555555", ls="", ms=4, label=str(name))
        for name, mark in zip(names, marks, strict=True)
    ]


def _per_class(ipcs: Sequence[int]) -> list[str]:
    """The words of a legend; of more than four, only the last has all."""
    words = [f"{ipc} per class" for ipc in ipcs]
    return words if len(ipcs) <= 4 else [*map(str, ipcs[:-1]), words[-1]]


def gaps_figure(found: pd.DataFrame, title: str = "") -> Figure:
    """What soft labels add to each method; from `metrics.soft_hard_gaps`."""
    methods = _in_order(found)
    marks = ipc_markers(found["ipc"])
    high = 0.28 * max(1, len(marks) / 3)  # of a method's line
    figure, ax = plt.subplots(figsize=(5.6, high * len(methods) + 1))
    for k, (ipc, mark) in enumerate(marks.items()):
        rows = found[found["ipc"] == ipc].set_index("method")
        rows = rows.loc[[name for name in methods if name in rows.index]]
        colours = [family_colour(family) for family in rows["family"]]
        places = np.array([methods.index(name) for name in rows.index]) + _beside(k, len(marks))
        for y, (_, row), colour in zip(places, rows.iterrows(), colours, strict=True):
            ax.errorbar(row["gap"], y, xerr=row["ci95"], fmt=mark, color=colour, ms=5, lw=1.2)
    ax.axvline(0, color="#333333", lw=0.8)
    ax.set_yticks(range(len(methods)), [line_title(m) for m in methods])
    ax.set_ylim(len(methods) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)
    if len(marks) > 1:
        legend_beside(ax, handles=_shapes(marks, marks.values()), title="per class")
    elif not title:
        title = f"{next(iter(marks))} per class"
    ax.set_title(title)
    ax.set_xlabel(f"soft minus hard, points of top-1 (95 % t-interval, n = {found['n'].min()})")
    return figure


def price_figure(table: pd.DataFrame) -> Figure:
    """Accuracy against all bytes of a set, images and labels; a line per method, bars of ± 1 sd.

    Labels that a teacher gives during training are hollow: nothing of them is stored.

    Args:
        table: tidy table with columns method, family, protocol, image_bytes, label_bytes, top1.
    """
    figure, ax = plt.subplots(figsize=(6.4, 3.4))
    total = (table["image_bytes"] + table["label_bytes"]).rename("bytes")
    keys = ["method", "family", "protocol"]
    groups = with_lines(table).assign(bytes=total).groupby(keys, sort=False)
    points = groups[["bytes", "top1"]].mean().assign(sd=groups["top1"].std())
    protocols = list(points.index.unique("protocol"))
    looks = {name: _label_look(name, k) for k, name in enumerate(protocols)}
    for (method, family), rows in points.groupby(["method", "family"], sort=False):
        rows, colour = rows.sort_values("bytes"), family_colour(family)
        ax.plot(rows["bytes"], rows["top1"], color=colour, lw=0.8, zorder=1)
        for (_, _, protocol), row in rows.iterrows():
            spread = row["sd"] if np.isfinite(row["sd"]) else None
            ax.errorbar(row["bytes"], row["top1"], spread, color=colour, lw=1, **looks[protocol])
        last = rows.iloc[-1]
        place = (last["bytes"], last["top1"])
        name = ax.annotate(line_title(method), place, (9, 0), textcoords="offset points")
        name.set(size=8, va="center")
    handles = [
        Line2D([], [], color="#555555", ls="", label=protocol_title(name), **looks[name])
        for name in protocols
    ]
    legend_beside(ax, handles=handles, title="labels")
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(EngFormatter("B"))
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.margins(x=0.25)
    ax.set_title(f"{caption(table)}\n{seeds_note(table, 'mean ± 1 sd')}")
    ax.set_xlabel("size of images and labels together (hollow: as if stored)")
    ax.set_ylabel("top-1 accuracy, %")
    return figure


def _label_look(protocol: str, k: int) -> dict[str, Any]:
    """The mark of the k-th kind of labels; hollow, larger and in front where none are stored."""
    if protocol == "soft":
        return {"marker": marker(k), "ms": 8, "mfc": "none", "zorder": 4}
    return {"marker": marker(k), "ms": 5, "zorder": 3}
