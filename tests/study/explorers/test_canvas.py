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
    """Every pixel of the layout is DENSITY pixels of the picture."""
    block = canvas.Block("five", shades(5), list("abcde"), side=40, columns=3, left=20, top=6)
    d = canvas.DENSITY
    assert block.step == 40 + 17 + 8
    assert block.bottom == 6 + 24 + 2 * block.step
    drawn = canvas.pixels(canvas.paint([block]))
    assert drawn.shape == (d * block.bottom, d * canvas.WIDTH, 3)
    for k in range(5):
        x, y = (d * place for place in block.corner(k))
        inside = drawn[y : y + d * 40, x : x + d * 40]
        assert (inside == 10 + 20 * k).all(), k
    assert block.corner(4) == (20 + 48, 6 + 24 + block.step)


def test_images_stand_upright_and_seams_of_cells_are_white():
    images = shades(2)
    images[:, :, :4] = 0  # the upper half is dark
    block = canvas.Block("two", images, side=40, cells=2)
    x, y = (canvas.DENSITY * place for place in block.corner(1))
    side = canvas.DENSITY * 40
    tile = canvas.pixels(canvas.paint([block]))[y : y + side, x : x + side]
    middle = side // 2
    assert (tile[middle - 1 : middle + 1] == 255).all()
    assert (tile[:, middle - 1 : middle + 1] == 255).all()
    assert (tile[4 : middle - 4, 4 : middle - 4] == 0).all()
    assert (tile[middle + 4 : -4, 4 : middle - 4] == 30).all()


def test_a_frame_stands_where_it_is_told():
    figure = canvas.new_figure(100)
    canvas.outline(figure, 20, 10, 60, 50, "#ff0000")
    red = (canvas.pixels(figure) == (255, 0, 0)).all(2).nonzero()
    found = [side for axis in red for side in (axis.min(), axis.max())]
    assert found == pytest.approx([20, 120, 40, 160], abs=2)


def test_an_encoded_picture_holds_nearly_the_same_pixels():
    smooth = np.linspace(0, 255, 60 * 90 * 3).reshape(60, 90, 3).astype(np.uint8)
    again = np.asarray(Image.open(io.BytesIO(canvas.encode_jpeg(smooth)))).astype(int)
    assert np.abs(again - smooth).max() <= 6


def test_a_sheet_puts_pictures_below_their_titles():
    grey, dark = (np.full((60, 200, 3), shade, np.uint8) for shade in (200, 40))
    figure = canvas.sheet({"first": grey, "second": dark})
    assert texts(figure) == ["first", "second"]
    drawn = canvas.pixels(figure)
    assert drawn.shape == (2 * (60 + 48), canvas.DENSITY * canvas.WIDTH, 3)
    assert [drawn[48 + 30, 100, 0], drawn[2 * 48 + 60 + 30, 100, 0]] == [200, 40]
    assert drawn[48 + 30, 1000, 0] == 255
    assert plt.get_fignums() == []


def test_axes_are_placed_in_pixels_from_the_upper_left_corner():
    figure = canvas.new_figure(200)
    box = canvas.place(figure, 72, 20, 360, 100).get_position()
    found = (box.x0, box.y0, box.width, box.height)
    assert found == pytest.approx((0.1, 0.4, 0.5, 0.5))
