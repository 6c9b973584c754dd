"""Fast pictures: images go straight into the drawn pixels, the rest is text and a few axes.

A slider waits for each picture. Twenty axes take half a second to draw; images that matplotlib
resamples as one canvas took longer than all else together.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch.nn.functional as F
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.transforms import Affine2D, Transform
from PIL import Image
from torch import Tensor

from ...augment.boxes import Grid, cell_boxes

DPI = 96
WIDTH = 720  # pixels of every picture, as CSS counts them; a screen may have more
DENSITY = 2  # drawn pixels for each of them, so that pictures are sharp on dense screens
_GAP, _TITLE, _CAPTION = 8, 24, 17  # pixels
_BLOCKY = 3  # from this enlargement on, pixels are shown as squares, and not smoothed


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
        frames: colour of a frame around each image, or none.
    """

    title: str
    images: Tensor
    captions: Sequence[str] = ()
    side: int = 80
    columns: int = 8
    left: int = _GAP
    top: int = 0
    cells: Grid = 1
    colour: str = "#222222"
    frames: Sequence[str] = ()

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
    figure = Figure(figsize=(WIDTH / DPI, height / DPI), dpi=DPI * DENSITY)
    figure.set_layout_engine("none")  # `place` sets all positions
    return figure


def place(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place given in pixels from the upper left corner."""
    high = figure.get_figheight() * DPI
    return figure.add_axes((left / WIDTH, 1 - (top + height) / high, width / WIDTH, height / high))


def pixels(figure: Figure) -> np.ndarray:
    """The picture as drawn, uint8 [H, W, 3], DENSITY times as wide as WIDTH."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def encode_jpeg(drawn: np.ndarray) -> bytes:
    """A picture uint8 [H, W, 3] as JPEG, nearly lossless, colours at full resolution.

    At 1800 x 778 pixels of photographs it takes 24 ms, PNG at its quickest 130.
    """
    packed = io.BytesIO()
    Image.fromarray(drawn).save(packed, "jpeg", quality=95, subsampling=0)
    return packed.getvalue()


class _Tiles(Artist):
    """The images of a block, put into the drawn pixels without any resampling by matplotlib."""

    def __init__(self, block: Block, top: int) -> None:
        super().__init__()
        self.block, self.top = block, top

    def draw(self, renderer: Any) -> None:
        """Called by the figure."""
        density = renderer.dpi / DPI
        tiles = _resized(self.block, round(self.block.side * density))
        context = renderer.new_gc()
        high = renderer.height
        for k, tile in enumerate(tiles):
            left, top = self.block.corner(k)
            bottom = high - round((top + self.top) * density) - len(tile)
            renderer.draw_image(context, round(left * density), bottom, tile[::-1])


def _resized(block: Block, side: int) -> np.ndarray:
    """Images of a block as drawn, uint8 [N, side, side, 4], with white seams between cells."""
    blocky = side >= _BLOCKY * block.images.shape[-1]
    how: dict[str, Any] = {"mode": "nearest"} if blocky else {"mode": "bilinear", "antialias": True}
    images = F.interpolate(block.images, (side, side), **how).permute(0, 2, 3, 1).numpy()
    tiles = np.full((*images.shape[:3], 4), 255, np.uint8)
    tiles[..., :3] = images
    half = max(1, side // 200)  # of a seam
    for y, x, _, _ in cell_boxes(side, block.cells).tolist():
        if y:
            tiles[:, y - half : y + half] = 255
        if x:
            tiles[:, :, x - half : x + half] = 255
    return tiles


def paint(blocks: Sequence[Block], figure: Figure | None = None, top: int = 0) -> Figure:
    """Draw blocks of images, on a new picture or on the free part of one.

    Args:
        blocks: with their places.
        figure: the picture to draw on; a new one when left out.
        top: where its free part begins, pixels; the tops of the blocks are relative to it.
    """
    height = max(block.bottom for block in blocks)
    figure = figure or new_figure(height)
    for block in blocks:
        figure.add_artist(_Tiles(block, top))
        write(figure, block.left, top + block.top + _TITLE - 7, block.title, 9, block.colour)
        for k, caption in enumerate(block.captions):
            x, y = block.corner(k)
            write(figure, x + block.side / 2, top + y + block.side + 12, caption, 8, ha="center")
        for k, colour in enumerate(block.frames):
            x, y = block.corner(k)
            outline(figure, x, top + y, block.side, block.side, colour)
    return figure


# Straight onto the figure: axes, even invisible ones, take 20 ms.
def _in_pixels(figure: Figure) -> Transform:
    """From pixels, counted from the upper left corner, to the figure's own coordinates."""
    high = figure.get_figheight() * DPI
    return Affine2D().scale(1 / WIDTH, -1 / high).translate(0, 1) + figure.transFigure


def write(
    figure: Figure, x: float, y: float, words: str, size: float, colour: str = "black", **how: Any
) -> None:
    """Write words at a place in pixels; size in points."""
    figure.text(x, y, words, transform=_in_pixels(figure), size=size, color=colour, zorder=5, **how)


def outline(
    figure: Figure, left: float, top: float, width: float, height: float, colour: str
) -> None:
    """Draw a rectangle, in pixels; white beneath, so that it is seen on any image."""
    where: dict[str, Any] = {"transform": _in_pixels(figure), "fill": False, "zorder": 4}
    for ink, line in (("white", 2.4), (colour, 1.2)):
        figure.add_artist(Rectangle((left, top), width, height, ec=ink, lw=line, **where))


def sheet(parts: dict[str, np.ndarray]) -> Figure:
    """Pictures one below the other, each under its title.

    Args:
        parts: title -> uint8 [H, W, 3], at most WIDTH x DENSITY wide.
    """
    wide, line = WIDTH * DENSITY, _TITLE * DENSITY
    tops = np.cumsum([0, *(len(part) + line for part in parts.values())])
    whole = np.full((int(tops[-1]), wide, 3), 255, np.uint8)
    figure = new_figure(-(-len(whole) // DENSITY))
    ax = place(figure, 0, 0, WIDTH, len(whole) / DENSITY)
    for top, (title, part) in zip(tops, parts.items(), strict=False):
        whole[top + line : top + line + len(part), : part.shape[1]] = part
        ax.text(_GAP * DENSITY, top + 16 * DENSITY, title, size=8.5, color="#777777")
    ax.imshow(whole, interpolation="nearest", aspect="auto", extent=(0, wide, len(whole), 0))
    ax.set_axis_off()
    return figure
