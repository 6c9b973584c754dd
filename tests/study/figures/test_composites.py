"""Drawings made of real views: what is drawn is what training sees."""

import pytest

import rdc_kit as rdc
from rdc_kit.study.figures import composites as drawings

from ...conftest import colour_blocks


def test_the_drawing_crops_inside_one_cell_below_and_anywhere_above(exact):
    pool = colour_blocks(8, size=32)
    stored = rdc.compress("pca", pool, 2, order="random")
    axes = drawings.views_drawing(stored, crop=(0.6, 0.9)).axes
    shuffled, extracted = (_orange(axes[k]) for k in (1, 5))
    for box in extracted:
        (x, y), wide, high = box.get_xy(), box.get_width(), box.get_height()
        assert int(x + 0.5) // 16 == int(x + wide - 0.5) // 16
        assert int(y + 0.5) // 16 == int(y + high - 0.5) // 16
    assert all(box.get_width() * box.get_height() > 16 * 16 for box in shuffled)
    with pytest.raises(ValueError, match="no composites"):
        drawings.views_drawing(pool)


def _orange(ax):
    return [
        p for p in ax.patches if p.get_edgecolor()[:3] == pytest.approx((0.835, 0.369, 0), abs=0.01)
    ]


def test_the_gallery_has_a_line_per_view():
    stored = rdc.compress("pca", colour_blocks(per_class=8), 2, order="random")
    gallery = drawings.view_gallery(stored, columns=3)
    assert sum(len(ax.images) for ax in gallery.axes) == 3 * 4
