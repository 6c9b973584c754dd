"""Tensors that are no image set are refused in one sentence."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import rdc_kit as rdc
from rdc_kit.data import checks
from rdc_kit.data.checks import check_count, check_made, check_set
from rdc_kit.data.imagesets import DataError

from ..conftest import colour_blocks


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


PIXELS = torch.zeros(4, 3, 8, 8, dtype=torch.uint8)
LABELS = torch.tensor([0, 1, 0, 1])


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (PIXELS.numpy(), r"images must be a tensor, got a numpy array: torch.from_numpy\(images\)"),
        ([1, 2], "images must be a tensor, got list"),
        (PIXELS.to("meta"), "the images are on 'meta', where tensors have no numbers"),
    ],
)
def test_images_that_are_no_tensor_with_numbers_are_refused(images, message):
    """Of a numpy array it was said that uint8 [4, 3, 8, 8] is what it should be, and what it is."""
    with pytest.raises(DataError, match=message):
        rdc.from_tensors(images, LABELS)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"classes": ("a", "a")}, "two classes are named 'a'"),
        ({"view": "cel"}, "unknown view of a set 'cel' - did you mean 'cell'?"),
        ({"row_ids": torch.arange(4.0)}, r"row_ids must be int64 \[N\], got torch.float32 \(4,\)"),
        ({"row_ids": [0, 1, 2, 3]}, "row_ids must be a tensor, got list"),
        ({"members": torch.arange(3)}, r"members must be int64 \(4, 1\).* got torch.int64 \(3,\)"),
        (
            {"members": torch.zeros(4, 2).long(), "grid": (2, 2)},
            r"members must be int64 \(4, 4\), .*: got torch.int64 \(4, 2\)",
        ),
        ({"grid": 2}, r"grid must be \(rows, columns\) of cells, got 2"),
    ],
)
def test_fields_that_would_fail_later_or_never_are_refused(fields, message):
    with pytest.raises(DataError, match=message):
        rdc.from_tensors(PIXELS, LABELS, **fields)


def test_names_that_are_no_texts_become_texts_or_are_refused():
    made = rdc.from_tensors(PIXELS, LABELS, [0, 1])
    assert made.classes == ("0", "1")
    with pytest.raises(DataError, match="names of classes must be texts, got 1: write '1'"):
        check_set(replace(made, classes=("0", 1)))
    with pytest.raises(DataError, match="labels must be int64"):
        check_set(replace(made, labels=LABELS.int()))


def test_an_empty_set_is_refused():
    with pytest.raises(DataError, match="the set is empty"):
        rdc.from_tensors(torch.zeros(0, 3, 8, 8, dtype=torch.uint8), torch.zeros(0).long(), ("a",))


def test_what_a_method_made_is_put_under_the_rules_of_its_pool():
    pool = colour_blocks()
    with pytest.raises(DataError, match=r"return an ImageSet, such as pool\[rows\], .* not a int"):
        check_made(3, pool, 1, "whole")
    with pytest.raises(DataError, match="has 2 images of class 0, and 3 of each were asked for"):
        check_made(pool[:6], pool, 3, "whole")
    strange = rdc.from_tensors(pool.images[:3], torch.arange(3))
    made = check_made(strange, pool, 1, "whole")
    assert made.traits == pool.traits
    assert made.row_ids.tolist() == [-1] * 3  # they are no rows of the pool


def test_unnamed_tensors_of_a_method_are_in_the_order_of_its_pool():
    pool = colour_blocks(per_class=2, classes=12)
    pool = replace(pool, classes=tuple(sorted(map(str, range(12)))))
    made = check_made(rdc.from_tensors(pool.images[:12], torch.arange(12)), pool, 1, "whole")
    assert made.labels.tolist() == list(range(12))
    assert made.classes == pool.classes


def test_a_count_is_a_whole_number_of_at_least_its_least_one():
    assert type(check_count("ipc", np.int64(3))) is int
    assert check_count("seed", 0, 0) == 0
    with pytest.raises(DataError, match="ipc must be a whole number of at least 1, got 0"):
        check_count("ipc", 0)
    with pytest.raises(DataError, match="seed must be a whole number of at least 0, got -1"):
        check_count("seed", -1, 0)
    for wrong in (True, 1.0, "1", None):
        with pytest.raises(DataError, match=f"at least 1, got {wrong!r}"):
            check_count("ipc", wrong)


def test_a_set_on_another_device_is_refused_as_it_enters(blocks):
    """It was hashed, mixed with tensors of the CPU, and failed there."""
    elsewhere = replace(blocks, images=blocks.images.to("meta"))
    with pytest.raises(DataError, match="the images of a set must be on the CPU, these are on 'me"):
        check_set(elsewhere)
    made = replace(blocks[:3], labels=blocks.labels[:3].to("meta"))
    with pytest.raises(DataError, match="the labels of a set must be on the CPU"):
        check_made(made, blocks, 1, "whole")


def test_tensors_of_ones_own_come_home_from_a_gpu(pretended, monkeypatch):
    monkeypatch.setattr(checks, "check_set", lambda images: images)  # no numbers to see
    pixels = torch.zeros(6, 3, 8, 8, dtype=torch.uint8, device="cuda")
    labels = torch.zeros(6, dtype=torch.int64, device="cuda")
    own = checks.from_tensors(pixels, labels, ("a",), row_ids=labels.clone())
    assert {t.device.type for t in (own.images, own.labels, own.row_ids)} == {"cpu"}
