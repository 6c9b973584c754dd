"""The canvas: images are pasted where the block says, and pictures leave no figure."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from rdc_kit.study.explorers import canvas

from .conftest import texts


def shades(count, side=8):
    return torch.arange(count).mul(20).add(10).view(-1, 1, 1, 1).expand(-1, 3, side, side).byte()


def test_images_stand_where_their_block_puts_them():
    block = canvas.Block("five", shades(5), list("abcde"), side=40, columns=3, left=20, top=6)
    assert block.step == 40 + 17 + 8
    assert block.bottom == 6 + 24 + 2 * block.step
    drawn = canvas.pixels(canvas.paint([block]))
    assert drawn.shape == (block.bottom, canvas.WIDTH, 3)
    for k in range(5):
        x, y = block.corner(k)
        inside = drawn[y + 2 : y + 38, x + 2 : x + 38]
        assert (inside == 10 + 20 * k).all(), k
    assert block.corner(4) == (20 + 48, 6 + 24 + block.step)


def test_seams_of_cells_are_white():
    block = canvas.Block("one", shades(1), side=40, cells=2)
    x, y = block.corner(0)
    tile = canvas.pixels(canvas.paint([block]))[y : y + 40, x : x + 40]
    assert (tile[19:21] == 255).all()
    assert (tile[:, 19:21] == 255).all()
    assert (tile[2:18, 2:18] == 10).all()


def test_a_png_holds_the_pixels():
    drawn = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    assert (np.asarray(Image.open(io.BytesIO(canvas.encode_png(drawn)))) == drawn).all()


def test_a_sheet_puts_pictures_below_their_titles():
    grey, dark = (np.full((30, 100, 3), shade, np.uint8) for shade in (200, 40))
    figure = canvas.sheet({"first": grey, "second": dark})
    assert texts(figure) == ["first", "second"]
    drawn = canvas.pixels(figure)
    assert drawn.shape == (2 * (30 + 24), canvas.WIDTH, 3)
    assert [drawn[24 + 15, 50, 0], drawn[2 * 24 + 30 + 15, 50, 0]] == [200, 40]
    assert drawn[24 + 15, 500, 0] == 255
    assert plt.get_fignums() == []


def test_axes_are_placed_in_pixels_from_the_upper_left_corner():
    figure = canvas.new_figure(200)
    box = canvas.place(figure, 90, 20, 450, 100).get_position()
    found = (box.x0, box.y0, box.width, box.height)
    assert found == pytest.approx((0.1, 0.4, 0.5, 0.5))
