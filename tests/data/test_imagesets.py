"""Image sets: rows, fingerprints and labels."""

import pytest
import torch

import rdc_kit as rdc
from rdc_kit.data.imagesets import DataError

from ..conftest import colour_blocks


def test_indexing_keeps_rows_together():
    pool = colour_blocks()
    part = pool[torch.tensor([5, 2])]
    assert part.row_ids.tolist() == [5, 2]
    assert torch.equal(part.images[1], pool.images[2])
    assert len(pool[:4]) == len(pool[[0, 1, 2, 3]]) == 4
    assert len(pool[pool.labels == 1]) == 6
    assert len(pool[3]) == 1


def test_fingerprints_tell_sets_apart():
    pool = colour_blocks()
    assert pool.fingerprint() == colour_blocks().fingerprint()
    other = colour_blocks()
    other.images[0, 0, 0, 0] ^= 1
    assert other.fingerprint() != pool.fingerprint()
    assert pool[[1, 0]].fingerprint() != pool[[0, 1]].fingerprint()
    assert pool[::4].fingerprint() == pool[list(range(0, len(pool), 4))].fingerprint()


def test_labels_out_of_range_name_the_row():
    with pytest.raises(DataError, match=r"label 5 at row 2 is out of range 0\.\.1"):
        rdc.from_tensors(
            torch.zeros(3, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, 1, 5]), ("a", "b")
        )


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (torch.zeros(2, 3, 8, 8), torch.zeros(2).long(), "images must be uint8"),
        (
            torch.zeros(2, 1, 8, 8, dtype=torch.uint8),
            torch.zeros(2).long(),
            r"got torch.uint8 \(2, 1, 8",
        ),
        (
            torch.zeros(2, 3, 8, 9, dtype=torch.uint8),
            torch.zeros(2).long(),
            "square, got 8 x 9 pixels",
        ),
        (
            torch.zeros(2, 3, 8, 8, dtype=torch.uint8),
            torch.zeros(3).long(),
            "2 images, 3 labels and 3 row",
        ),
    ],
)
def test_tensors_that_are_no_image_set_are_refused(images, labels, message):
    with pytest.raises(DataError, match=message):
        rdc.from_tensors(images, labels)


def test_an_empty_set_is_refused():
    with pytest.raises(DataError, match="the set is empty"):
        rdc.from_tensors(torch.zeros(0, 3, 8, 8, dtype=torch.uint8), torch.zeros(0).long(), ("a",))


def test_classes_without_an_image_are_counted():
    images = torch.zeros(3, 3, 8, 8, dtype=torch.uint8)
    made = rdc.from_tensors(images, torch.tensor([2, 0, 2]), ("a", "b", "c", "d"))
    assert made.counts().tolist() == [1, 0, 2, 0]
    assert made.rows_of(2).tolist() == [0, 2]
    assert rdc.from_tensors(images, torch.tensor([2, 0, 2])).classes == ("0", "1", "2")
