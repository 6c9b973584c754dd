"""Ablations of PCA, one thing changed at a time: Tables 7, 11, 12 and 24 of the paper."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ..figures.base import plot_arms
from ..grid.arms import SEEN, Arm
from ..verdicts.stats import chance, differences

FULL = "PCA"  # the arm that the others are compared with
CROPS = (0.02, 0.08, 0.25, 0.5, 0.75, 1.0)

Parts = dict[str, list[Arm]]


def parts(ipc: int, grid: int = 2) -> Parts:
    """Question -> arms, the full PCA among them wherever it answers.

    All at equal storage, ipc stored images per class, but for the "k = ipc" arm: the literal
    reading of the text, ipc originals in ipc / grid^2 composites.

    Args:
        ipc: stored images per class. With one, grouping says nothing and is left out; "k = ipc"
            is left out where grid^2 does not divide ipc.
        grid: cells per side of the composites.
    """
    options: dict[str, Any] = {"grid": grid}
    full = Arm(FULL, "pca", options)
    found: Parts = {
        "step by step": [
            Arm("random", "random"),
            Arm("P: easiest", "el2n"),
            Arm("P + C, seen whole", "pca", options, "whole"),
            Arm("P + C, shuffled", "pca", options, "shuffle"),
            full,
        ],
        "which originals": [
            full,
            Arm("hardest", "pca", options | {"order": "hard"}),
            Arm("random originals", "pca", options | {"order": "random"}),
        ],
        "pruning metric": [
            full,
            Arm("by AUM", "pca", options | {"metric": "aum"}),
            Arm("by Forgetting", "pca", options | {"metric": "forgetting"}),
        ],
        "grid": [_of_grid(shape, grid) for shape in (1, (1, 2), 2, 3)],
        "crop": [full, *crop_arms(("cell",), grid)],
        "mixing and blanking": [full, *_regularised(options)],
    }
    if ipc > 1:
        found["grouping"] = [
            full,
            Arm("neighbours in rank", "pca", options | {"grouping": "sequential"}),
            Arm("random groups", "pca", options | {"grouping": "random"}),
        ]
    if grid > 1 and ipc % grid**2 == 0:
        literal = Arm(f"k = ipc ({ipc // grid**2} stored)", "pca", {**options, **_k(ipc)})
        found["step by step"].append(literal)
    return found


def _k(ipc: int) -> dict[str, int]:
    return {"originals_per_class": ipc}


def _of_grid(shape: int | tuple[int, int], usual: int) -> Arm:
    rows, columns = shape if isinstance(shape, tuple) else (shape, shape)
    name = FULL if shape == usual else f"{rows} x {columns}"
    return Arm(name, "pca", {"grid": shape})


def _regularised(options: dict[str, Any]) -> list[Arm]:
    """Table 12, with mixed labels and with the released code's unmixed ones."""
    unmixed = {"loss": "ce_unmixed"}
    return [
        Arm("Cutout 0.25", "pca", options, recipe={"cutout": 0.25}),
        Arm("Cutout 0.5", "pca", options, recipe={"cutout": 0.5}),
        Arm("Mixup", "pca", options, recipe={"mix": "mixup"}),
        Arm("Mixup, labels unmixed", "pca", options, recipe={"mix": "mixup"} | unmixed),
        Arm("CutMix", "pca", options, recipe={"mix": "cutmix"}),
        Arm("CutMix, labels unmixed", "pca", options, recipe={"mix": "cutmix"} | unmixed),
    ]


def crop_arms(
    views: Sequence[str] = tuple(SEEN), grid: int = 2, crops: Sequence[float] = CROPS
) -> list[Arm]:
    """PCA's composites under views and crops: the smallest area of the random crop, 0..1.

    The area is a fraction of the cell for extracted views, else of the composite; the largest is 1.
    """
    return [
        Arm(f"{SEEN[view]}, r = {r:g}", "pca", {"grid": grid}, view, {"crop": (r, 1.0)})
        for view in views
        for r in crops
    ]


def unique(found: Parts) -> list[Arm]:
    """Every arm once, in order."""
    return list({arm.name: arm for arms in found.values() for arm in arms}.values())


def contrasts(table: pd.DataFrame, found: Parts) -> pd.DataFrame:
    """Each part's arms against the full PCA, paired by seed; see `stats.differences`.

    Returns:
        Columns part, a (the arm), b (the full PCA), difference, low, high, n, reading.
    """
    rows = []
    for part, arms in found.items():
        pairs = [(arm.name, FULL) for arm in arms if arm.name != FULL]
        rows.append(differences(table, pairs).assign(part=part))
    joined = pd.concat(rows, ignore_index=True)
    return joined[["part", *(c for c in joined if c != "part")]]


def ablation_figure(table: pd.DataFrame, found: Mapping[str, Sequence[Arm]]) -> Figure:
    """A panel per question: accuracy of each arm, seeds as points, band of ± 1 sd."""
    columns = 2
    lines = math.ceil(len(found) / columns)
    names = list(found)
    heights = [
        max(len(found[n]) for n in names[k * columns : (k + 1) * columns]) + 1 for k in range(lines)
    ]
    figure, axes = plt.subplots(
        lines,
        columns,
        figsize=(8.6, 0.36 * sum(heights) + 0.9),
        gridspec_kw={"height_ratios": heights},
        squeeze=False,
        sharex=True,
    )
    reference = table.loc[table["arm"] == FULL, "top1"].mean()
    for ax, name in zip(axes.flat, names, strict=False):
        wanted = [arm.name for arm in found[name]]
        mine = pd.concat([table[table["arm"] == arm] for arm in wanted])
        plot_arms(ax, mine, chance(table))
        ax.axvline(reference, color="#bbbbbb", lw=0.8, zorder=0)
        ax.set_title(name)
        ax.set_xlabel("")
    for ax in list(axes.flat)[len(names) :]:
        ax.set_axis_off()
    for ax in axes[-1]:
        ax.set_xlabel("top-1 accuracy of the last epoch, %")
    facts, seeds = table.iloc[0], table["seed"].nunique()
    figure.suptitle(
        f"{facts['dataset']}, {facts['size']} px, {facts['ipc']} per class, hard labels, "
        f"{facts['epochs']} epochs, {facts['student']}; n = {seeds} seeds, band: ± 1 sd",
        x=0.01,
        ha="left",
        fontsize=9.5,
    )
    return figure


def crops_figure(table: pd.DataFrame) -> Figure:
    """Accuracy against the smallest crop, a line per view; the band is ± 1 sd over seeds.

    Args:
        table: runs of `crop_arms`.
    """
    shades = {"whole": "#777777", "shuffled": "#de8f05", "extracted": "#0173b2"}
    figure, ax = plt.subplots(figsize=(5.4, 3.2))
    names = table["arm"].str.extract(r"^(?P<seen>\w+), r = (?P<r>[\d.]+)$")
    swept = table.assign(seen=names["seen"], r=names["r"].astype(float)).dropna(subset=["r"])
    for k, (seen, mine) in enumerate(swept.groupby("seen", sort=False)):
        found = mine.groupby("r")["top1"].agg(["mean", "std"])
        colour = shades[str(seen)]
        ax.plot(found.index, found["mean"], "o^s"[k] + "-", color=colour, ms=4, label=seen)
        low, high = found["mean"] - found["std"], found["mean"] + found["std"]
        ax.fill_between(found.index, low, high, color=colour, alpha=0.15, lw=0)
    facts, seeds = table.iloc[0], table["seed"].nunique()
    ax.set_xlabel("smallest area of the random crop, r")
    ax.set_ylabel("top-1 accuracy, %")
    ax.set_ylim(bottom=0)
    ax.legend()
    ax.set_title(
        f"{facts['dataset']}, {facts['size']} px, {facts['ipc']} per class, {facts['epochs']} "
        f"epochs\n{facts['student']}, n = {seeds} seeds; band: ± 1 sd"
    )
    return figure
