"""Drawings of real views: what shuffling and extraction do to one composite."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Rectangle
from torch import Tensor

from ...augment.boxes import cell_boxes, crop_resize
from ...augment.views import denormalised, draw_crops, make_view, shuffle_cells
from ...data.imagesets import ImageSet
from ...ground.seeds import generator
from .base import show_image
from .names import VIEWS

_INK = {"crop": "#d55e00", "cell": "#ffffff"}
_SEED = 0  # of the draws: the permutation, the cell and the crops


def views_drawing(stored: ImageSet, crop: tuple[float, float] | None = None) -> Figure:
    """Figure 4 of the paper, drawn from real views: shuffle, then crop; or crop inside one cell.

    Args:
        stored: composites; the first is shown.
        crop: range of the random crop's area; from the source's smallest useful area to 1 when
            left out.

    Raises:
        ValueError: the set has no composites.
    """
    if stored.grid == (1, 1):
        raise ValueError("this set has no composites: make them with combine(...)")
    image, scale = stored.images[:1], crop or (stored.traits.min_crop, 1.0)
    shuffled = shuffle_cells(image, stored.grid, generator(_SEED, "drawing"))
    figure, axes = plt.subplots(2, 4, figsize=(8.2, 4.4))
    names = ("patch shuffling", "patch extraction")
    lines = ((shuffled, (1, 1)), (image, stored.grid))
    for line, name, (pixels, inside) in zip(axes, names, lines, strict=True):
        draws = generator(_SEED, "drawing", name)
        boxes = torch.cat([draw_crops(pixels, inside, scale, False, draws)[0] for _ in range(2)])
        _panel(line[0], image[0], stored.grid, "stored")
        step = "cells change places, crops" if inside == (1, 1) else "crops inside a cell"
        _panel(line[1], pixels[0], stored.grid, step, boxes)
        for k, ax in enumerate(line[2:]):
            seen = crop_resize(pixels, boxes[k : k + 1], stored.size)[0]
            show_image(ax, seen)
            ax.set_title("seen in training" if not k else "seen next time", fontsize=8.5)
            style = "-" if not k else "--"
            ax.add_patch(_box(0, 0, stored.size, stored.size, _INK["crop"], 2.5, style))
        # Only to the nearer picture, so that no arrows cross.
        _arrow(figure, line[1], line[2], boxes[0].tolist(), stored.size)
        line[0].text(
            -0.08,
            0.5,
            name,
            transform=line[0].transAxes,
            rotation=90,
            va="center",
            ha="right",
            fontsize=10,
            fontweight="bold",
        )
    return figure


def _panel(
    ax: Axes,
    pixels: Tensor,
    grid: tuple[int, int],
    title: str,
    boxes: Tensor | Sequence[Tensor] = (),
) -> None:
    show_image(ax, pixels)
    for y, x, high, wide in cell_boxes(pixels.shape[-1], grid).tolist():
        ax.add_patch(_box(y, x, high, wide, _INK["cell"], 1.2, "-"))
    for k, box in enumerate(boxes):
        y, x, high, wide = box.tolist()
        ax.add_patch(_box(y, x, high, wide, _INK["crop"], 2, "-" if not k else "--"))
    ax.set_title(title, fontsize=8.5)


def _box(
    y: float, x: float, high: float, wide: float, colour: str, width: float, style: str
) -> Rectangle:
    return Rectangle((x - 0.5, y - 0.5), wide, high, fill=False, ec=colour, lw=width, ls=style)


def _arrow(figure: Figure, start: Axes, end: Axes, box: list[int], size: int) -> None:
    """From a crop to its view."""
    y, x, high, wide = box
    figure.add_artist(
        ConnectionPatch(
            (x + wide - 0.5, y + high / 2),
            (-0.5, size / 2),
            "data",
            "data",
            axesA=start,
            axesB=end,
            arrowstyle="->",
            color=_INK["crop"],
            lw=1.2,
        )
    )


def view_gallery(stored: ImageSet, columns: int = 8) -> Figure:
    """One stored composite, and what training sees of it with each view, draw by draw.

    Args:
        stored: composites; the first is shown.
        columns: draws per view.
    """
    names = {view: VIEWS[view] for view in ("whole", "shuffle", "cell")}
    figure, axes = plt.subplots(
        len(names), columns + 1, figsize=(0.95 * columns + 1.2, 3.1), squeeze=False
    )
    for line, (view, name) in zip(axes, names.items(), strict=True):
        see = make_view(
            stored.traits,
            stored.size,
            view=view,
            grid=stored.grid,
            scale=(stored.traits.min_crop, 1.0),
        )
        batch = stored.images[:1].expand(columns, -1, -1, -1)
        inputs, _ = see(batch, stored.labels[:1].expand(columns), generator(_SEED, "gallery", view))
        show_image(line[0], stored.images[0])
        for ax, pixels in zip(line[1:], denormalised(inputs, stored.traits), strict=True):
            show_image(ax, pixels)
        line[1].set_title(name, fontsize=8.5)
    axes[0][0].set_title("stored", fontsize=8.5)
    return figure
