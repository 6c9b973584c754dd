"""RDED: the crops with the lowest loss, stitched together."""

import numpy as np
import pytest
import torch

from rdc_kit.data.imagesets import DataError
from rdc_kit.distill.rded import lowest, rded, stitch

from ..conftest import colour_blocks


def test_rded_keeps_the_lowest_losses(fresh_home, exact, teacher):
    pool = colour_blocks(per_class=12)
    asked = rded(pool, 2, teacher, factor=2, drawn=12, crops=3, seed=1, runtime=exact)
    assert asked.counts().tolist() == [2, 2, 2]
    assert asked.members.shape == (6, 4)
    assert asked.provenance["crop_loss"] < asked.provenance["drawn_loss"]
    for label in range(3):  # eight different originals, all of the class
        rows = asked.members[asked.labels == label].flatten()
        assert len(rows.unique()) == 8
        assert (pool.labels[rows] == label).all()
    losses = torch.tensor([[3.0, 1.0], [0.5, 9.0], [2.0, 2.5], [0.7, 0.6]])
    rows, crops = lowest(losses, 3)
    assert rows.tolist() == [1, 3, 0]
    assert crops.tolist() == [0, 1, 1]


def test_rded_with_factor_1_keeps_single_crops_and_their_originals(fresh_home, exact, teacher):
    pool = colour_blocks(per_class=8)
    made = rded(pool, 3, teacher, runtime=exact)
    assert made.grid == (1, 1)
    assert made.members is None
    assert (pool.labels[made.row_ids] == made.labels).all()
    with pytest.raises(DataError, match="factor 3 does not divide the size 16"):
        rded(pool, 1, teacher, factor=3, runtime=exact)


def test_stitching_puts_rank_k_j_into_cell_k_of_image_j():
    patches = torch.arange(8, dtype=torch.uint8).view(8, 1, 1, 1).expand(8, 3, 2, 2)
    made = stitch(patches, 2)
    assert made.shape == (2, 3, 4, 4)
    corners = made[:, 0, ::2, ::2].flatten(1)
    assert np.array_equal(corners, [[0, 2, 4, 6], [1, 3, 5, 7]])
