"""Fast pictures: all images are pasted into one array, drawn by one axes and encoded once.

A slider waits for each picture. Twenty axes take half a second to draw, one takes a few hundredths.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from ...augment.boxes import Grid, cell_boxes

DPI = 96
WIDTH = 900  # pixels of every picture
_GAP, _TITLE, _CAPTION = 8, 24, 17  # pixels


@dataclass(frozen=True)
class Block:
    """Images of one kind on a picture.

    Attributes:
        title: text above them.
        images: uint8 [N, 3, S, S].
        captions: a text under each image, or none.
        side: of each image as drawn, pixels; columns: images per line.
        left, top: corner of the block, pixels.
        cells: grid; lines are drawn between its cells.
        colour: of the title.
    """

    title: str
    images: Tensor
    captions: Sequence[str] = ()
    side: int = 96
    columns: int = 8
    left: int = _GAP
    top: int = 0
    cells: Grid = 1
    colour: str = "#222222"

    @property
    def step(self) -> int:
        """Pixels from one line of images to the next."""
        return self.side + (_CAPTION if self.captions else 0) + _GAP

    @property
    def bottom(self) -> int:
        """Where the next block may begin, pixels."""
        return self.top + _TITLE + -(-len(self.images) // self.columns) * self.step

    def corner(self, k: int) -> tuple[int, int]:
        """Left and top of image k, pixels."""
        row, column = divmod(k, self.columns)
        return self.left + column * (self.side + _GAP), self.top + _TITLE + row * self.step


def new_figure(height: int) -> Figure:
    """An empty picture, WIDTH x height pixels, which pyplot does not know and does not keep."""
    figure = Figure(figsize=(WIDTH / DPI, height / DPI), dpi=DPI)
    figure.set_layout_engine("none")  # `place` sets all positions
    return figure


def place(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place given in pixels from the upper left corner."""
    high = figure.get_figheight() * DPI
    return figure.add_axes((left / WIDTH, 1 - (top + height) / high, width / WIDTH, height / high))


def pixels(figure: Figure) -> np.ndarray:
    """The picture as drawn, uint8 [H, W, 3]."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def encode_png(drawn: np.ndarray) -> bytes:
    """A picture uint8 [H, W, 3] as PNG, little compressed: it only goes to the browser."""
    packed = io.BytesIO()
    Image.fromarray(drawn).save(packed, "png", compress_level=1)
    return packed.getvalue()


def paint(blocks: Sequence[Block], figure: Figure | None = None, top: int = 0) -> Figure:
    """Draw blocks of images, on a new picture or on the free part of one.

    Args:
        blocks: with their places.
        figure: the picture to draw on; a new one when left out.
        top: where its free part begins, pixels; the tops of the blocks are relative to it.
    """
    height = max(block.bottom for block in blocks)
    figure = figure or new_figure(height)
    canvas = np.full((height, WIDTH, 3), 255, np.uint8)
    ax = place(figure, 0, top, WIDTH, height)
    for block in blocks:
        _paste(canvas, block)
        ax.text(block.left, block.top + _TITLE - 7, block.title, size=9, color=block.colour)
        for k, caption in enumerate(block.captions):
            x, y = block.corner(k)
            ax.text(x + block.side / 2, y + block.side + 12, caption, size=8, ha="center")
    ax.imshow(canvas, interpolation="nearest", aspect="auto", extent=(0, WIDTH, height, 0))
    ax.set_axis_off()
    return figure


def _paste(canvas: np.ndarray, block: Block) -> None:
    side = block.side
    larger = side >= block.images.shape[-1]
    how: dict[str, Any] = {"mode": "nearest"} if larger else {"mode": "bilinear", "antialias": True}
    resized = F.interpolate(block.images.float(), (side, side), **how)
    tiles = resized.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
    for k, tile in enumerate(tiles):
        for y, x, _, _ in cell_boxes(side, block.cells).tolist():
            if y:
                tile[y - 1 : y + 1] = 255
            if x:
                tile[:, x - 1 : x + 1] = 255
        left, top = block.corner(k)
        canvas[top : top + side, left : left + side] = tile


def sheet(parts: dict[str, np.ndarray]) -> Figure:
    """Pictures one below the other, each under its title.

    Args:
        parts: title -> uint8 [H, W, 3], at most WIDTH wide.
    """
    tops = np.cumsum([0, *(len(part) + _TITLE for part in parts.values())])
    whole = np.full((int(tops[-1]), WIDTH, 3), 255, np.uint8)
    figure = new_figure(len(whole))
    ax = place(figure, 0, 0, WIDTH, len(whole))
    for top, (title, part) in zip(tops, parts.items(), strict=False):
        whole[top + _TITLE : top + _TITLE + len(part), : part.shape[1]] = part
        ax.text(_GAP, top + 16, title, size=8.5, color="#777777")
    ax.imshow(whole, interpolation="nearest", aspect="auto", extent=(0, WIDTH, len(whole), 0))
    ax.set_axis_off()
    return figure
