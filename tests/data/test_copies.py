"""Copies: equal pixels are found, one different pixel is not a copy."""

from rdc_kit.data.copies import contents, first_copies

from ..conftest import colour_blocks


def test_copies_point_to_the_first_of_them():
    blocks = colour_blocks(per_class=2)[[0, 1, 0, 2, 1, 0]]
    assert first_copies(blocks).tolist() == [0, 1, 0, 3, 1, 0]
    assert len(set(contents(blocks))) == 3
    blocks.images[5, 0, 0, 0] += 1
    assert first_copies(blocks).tolist() == [0, 1, 0, 3, 1, 5]
