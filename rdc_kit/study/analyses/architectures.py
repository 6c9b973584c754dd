"""One set, many networks: whether what helps one student helps the others (the paper's Table 8)."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ...train import models
from ..figures.base import FAMILY_COLOURS
from ..figures.methods import NAMES
from ..verdicts.stats import chance, differences

METHODS = ("random", "el2n", "rded", "pca")
_MARKERS = "oDs^vPX"


def students(text: str, size: int) -> list[str]:
    """Networks from text such as "resnet18 swin_t", each in the form that fits the images.

    Args:
        text: names, separated by spaces.
        size: side of the images, pixels; up to 64 the stems are small.

    Raises:
        ValueError: an unknown name.
    """
    return list(dict.fromkeys(models.fitting(name, size) for name in text.split()))


def leads(table: pd.DataFrame, method: str = "pca") -> pd.DataFrame:
    """A method's paired difference to each rival, network by network.

    Returns:
        Columns student, a, b, difference, low, high, n, reading; see `stats.differences`.
    """
    rivals = [name for name in table["method"].unique() if name != method]
    found = [
        differences(rows, [(method, rival) for rival in rivals], by="method").assign(student=name)
        for name, rows in table.groupby("student", sort=False)
    ]
    joined = pd.concat(found, ignore_index=True)
    return joined[["student", *(c for c in joined if c != "student")]]


def architectures_figure(table: pd.DataFrame, methods: Sequence[str] = METHODS) -> Figure:
    """Accuracy of each network on each method's set; seeds' mean with a bar of ± 1 sd.

    Args:
        table: a grid of one dataset, size and ipc over several students, one protocol.
        methods: markers, those that the table has.
    """
    networks = list(table["student"].unique())
    there = [name for name in methods if name in set(table["method"])]
    figure, ax = plt.subplots(figsize=(6.6, 0.42 * len(networks) + 1.3))
    places = np.linspace(-0.24, 0.24, len(there))
    for k, method in enumerate(there):
        mine = table[table["method"] == method]
        found = mine.groupby("student")["top1"].agg(["mean", "std"]).loc[networks]
        ax.errorbar(
            found["mean"],
            np.arange(len(networks)) + places[k],
            xerr=found["std"],
            fmt=_MARKERS[k],
            ms=4.5,
            lw=1.1,
            color=FAMILY_COLOURS[mine["family"].iloc[0]],
            label=NAMES[method],
        )
    ax.axvline(chance(table), color="#333333", ls=":", lw=1)
    ax.set_yticks(range(len(networks)), networks)
    ax.set_ylim(len(networks) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("top-1 accuracy of the last epoch, % (dotted: chance)")
    ax.legend(fontsize=7.5, loc="center left", bbox_to_anchor=(1, 0.5))
    facts, seeds = table.iloc[0], table["seed"].nunique()
    ax.set_title(
        f"{facts['dataset']}, {facts['size']} px, {facts['ipc']} per class, hard labels, "
        f"{facts['epochs']} epochs\nn = {seeds} seeds; bars: ± 1 sd"
    )
    return figure
