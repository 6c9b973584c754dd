"""Figures: a tidy table in, axes out; and saving with the numbers and the provenance beside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ...augment.boxes import cell_boxes
from ...augment.views import make_view
from ...data.imagesets import ImageSet
from ...ground import store
from ...ground.runtime import generator, home_dir
from ..grid.arms import SEEN
from ..verdicts.stats import chance, summarise

PALETTE = sns.color_palette("colorblind").as_hex()
FAMILY_COLOURS = {
    "baseline": "#777777",
    "pruning": PALETTE[0],
    "pca": PALETTE[3],
    "distillation-noise": PALETTE[4],
    "distillation-real": PALETTE[1],
}
STYLE = str(Path(__file__).with_name("rdc.mplstyle"))


def use_style() -> None:
    """Make the kit's look the look of every figure from here on."""
    plt.style.use(STYLE)


def figures_dir() -> Path:
    """Folder that figures are saved to: figures/ of the checkout, or of RDC_HOME."""
    return home_dir() / "figures"


def save_figure(
    figure: Figure,
    name: str,
    table: pd.DataFrame,
    facts: dict[str, Any] | None = None,
    folder: Path | None = None,
) -> Path:
    """Write NAME.pdf, NAME.png, NAME.csv (the plotted numbers) and NAME.json (where they are from).

    The same figure drawn from the same numbers gives the same bytes: no file holds a date.

    Args:
        figure: to save.
        name: file name without ending.
        table: the numbers in the picture.
        facts: such as parameters and seeds; git state and versions are added.
        folder: figures/ of the checkout when left out.

    Returns:
        Path of the png.
    """
    folder = folder or figures_dir()
    facts = {"git": store.git_state(), "versions": store.versions(), **(facts or {})}
    text = json.dumps(facts, sort_keys=True, default=str)
    with store.atomic_path(folder / f"{name}.pdf") as part:
        figure.savefig(part, metadata={"CreationDate": None, "Keywords": text})
    with store.atomic_path(folder / f"{name}.csv") as part:
        table.to_csv(part, index=False)
    store.write_json(folder / f"{name}.json", facts)
    with store.atomic_path(folder / f"{name}.png") as part:
        figure.savefig(part, metadata={"Software": None, "Description": text})
    return folder / f"{name}.png"


def show_images(
    rows: dict[str, ImageSet], columns: int = 10, outline_cells: bool = True, title: str = ""
) -> Figure:
    """A contact sheet: one line of images per set.

    Args:
        rows: line title -> set; the first `columns` images of each are shown.
        columns: images per line.
        outline_cells: draw the borders of a composite's cells.
        title: of the whole sheet.
    """
    figure, axes = plt.subplots(
        len(rows), columns, figsize=(0.8 * columns, 0.98 * len(rows) + 0.25), squeeze=False
    )
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        for k, ax in enumerate(line):
            ax.set_axis_off()
            if k >= len(images):
                continue
            show_image(ax, images.images[k])
            if images.grid != (1, 1) and outline_cells:
                for y, x, high, wide in cell_boxes(images.size, images.grid).tolist():
                    ax.add_patch(
                        Rectangle((x - 0.5, y - 0.5), wide, high, fill=False, ec="white", lw=0.8)
                    )
        line[0].set_title(name, fontsize=8.5)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    return figure


def show_image(ax: Axes, pixels: torch.Tensor) -> None:
    """Draw one image [3, H, W]: uint8, or float in 0..255."""
    ax.imshow(pixels.clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy())
    ax.set_axis_off()


def view_gallery(stored: ImageSet, columns: int = 8, seed: int = 0) -> Figure:
    """One stored composite, and what training sees of it under each view, draw by draw.

    Args:
        stored: composites; the first is shown.
        columns: draws per view.
        seed: of the draws.
    """
    figure, axes = plt.subplots(
        len(SEEN), columns + 1, figsize=(0.95 * columns + 1.2, 3.1), squeeze=False
    )
    for line, (view, name) in zip(axes, SEEN.items(), strict=True):
        see = make_view(
            stored.traits,
            stored.size,
            view=view,
            grid=stored.grid,
            scale=(stored.traits.min_crop, 1.0),
        )
        batch = stored.images[:1].expand(columns, -1, -1, -1)
        inputs, _ = see(batch, stored.labels[:1].expand(columns), generator(seed, "gallery", view))
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in (stored.traits.mean, stored.traits.std))
        show_image(line[0], stored.images[0])
        for ax, pixels in zip(line[1:], inputs, strict=True):
            show_image(ax, (pixels * std + mean) * 255)
        line[1].set_title(name, fontsize=8.5)
    axes[0][0].set_title("stored", fontsize=8.5)
    return figure


def first_of_each_class(images: ImageSet) -> ImageSet:
    """The first stored image of every class: in a ranked set, the top of each ranking."""
    return images[torch.stack([images.rows_of(k)[0] for k in range(images.num_classes)])]


def plot_arms(ax: Axes, table: pd.DataFrame, chance: float | None = None) -> None:
    """Accuracy of each arm: every seed as a point, the mean as a line, the sd as a band.

    Args:
        ax: where to draw.
        table: tidy table with columns arm, family, seed, top1.
        chance: accuracy of guessing, percent; drawn as a dotted line.
    """
    summary = summarise(table)
    for y, row in enumerate(summary.itertuples()):
        mine = table[table["arm"] == row.arm]
        colour = FAMILY_COLOURS.get(mine["family"].iloc[0], "#333333")
        if row.n > 1:
            ax.barh(y, 2 * row.sd, 0.5, left=row.mean - row.sd, color=colour, alpha=0.25)
        ax.plot([row.mean] * 2, [y - 0.3, y + 0.3], color=colour, lw=2)
        jitter = np.linspace(-0.12, 0.12, len(mine)) if len(mine) > 1 else [0.0]
        ax.scatter(mine["top1"], y + np.asarray(jitter), s=11, color=colour, zorder=3)
        label = f"{row.mean:.1f}"
        ax.annotate(
            label, (row.mean, y), xytext=(0, 10), textcoords="offset points", ha="center", size=8
        )
    ax.set_yticks(range(len(summary)), summary["arm"])
    ax.set_ylim(len(summary) - 0.4, -0.75)
    if chance is not None:
        ax.axvline(chance, color="#333333", ls=":", lw=1)
        ax.text(chance, len(summary) - 0.45, " chance", size=7.5, va="bottom")
    ax.set_xlim(left=0)
    ax.set_xlabel("top-1 accuracy of the last epoch, %")
    ax.grid(axis="y", visible=False)


def plot_published(ax: Axes, table: pd.DataFrame, methods: Sequence[str]) -> None:
    """Published accuracies by ipc, one line per method; hollow where the source is second-hand.

    Args:
        ax: where to draw.
        table: from `published`, one protocol and one kind of labels.
        methods: which, in order.
    """
    for method in methods:
        mine = table[table["method"] == method]
        if mine.empty:
            continue
        colour = FAMILY_COLOURS[mine["family"].iloc[0]]
        ipcs = mine["ipc"].astype(int).astype(str)
        ax.plot(ipcs, mine["top1"], color=colour, zorder=1)
        fill = [colour if status == "exact" else "white" for status in mine["status"]]
        ax.scatter(ipcs, mine["top1"], s=22, color=fill, edgecolor=colour, zorder=2)
        ax.annotate(
            method.upper() if method in ("pca", "el2n") else method,
            (ipcs.iloc[-1], mine["top1"].iloc[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            size=8,
        )
    ax.margins(x=0.25)
    ax.set_xlabel("images per class")
    ax.set_ylim(bottom=0)


def first_look(table: pd.DataFrame, reference: pd.DataFrame) -> Figure:
    """Ours beside the paper's: the arms of `arms.pca_arms`, and the published hard labels.

    Args:
        table: tidy table of one dataset, size, ipc and protocol.
        reference: published ImageNet-1K numbers with hard labels.
    """
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(8.4, 3.5), gridspec_kw={"width_ratios": [1.7, 1]}
    )
    facts = table.iloc[0]
    plot_arms(left, table, chance=chance(table))
    seeds = table["seed"].nunique()
    left.set_title(
        f"Here: {facts['dataset']}, {facts['size']} px, {facts['ipc']} per class, "
        f"{facts['epochs']} epochs\n{facts['student']}, n = {seeds} seeds; band: ± 1 sd",
    )
    plot_published(right, reference, ["random", "el2n", "pca"])
    right.set_title("Published: ImageNet-1K, 224 px\nhollow: second-hand source")
    right.set_ylabel("top-1 accuracy, %")
    return figure
