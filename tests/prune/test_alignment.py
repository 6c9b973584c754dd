"""Rows of a table find their images, whatever their order, and never those of another image."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import rdc_kit as rdc
from rdc_kit.data.imagesets import DataError
from rdc_kit.data.origins import Origins, content_hashes
from rdc_kit.prune.alignment import aligned_rows

from ..conftest import colour_blocks


def table_of(pool, **columns):
    classes = [pool.classes[k] for k in pool.labels.tolist()]
    return pd.DataFrame({"content": content_hashes(pool.images), "class": classes, **columns})


def named(pool, names):
    return rdc.from_tensors(
        pool.images[: len(names)],
        pool.labels[: len(names)],
        pool.classes,
        origins=Origins(np.arange(len(names)), {"file_name": np.array(names, dtype=object)}),
    )


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(18)), st.integers(1, 18))
def test_any_order_and_any_part_of_a_pool_finds_its_rows(order, count):
    pool = colour_blocks()
    some = pool[list(order[:count])]
    assert aligned_rows(some, table_of(pool), "f").tolist() == list(order[:count])
    place = {row: k for k, row in enumerate(order)}
    turned = table_of(pool[list(order)])
    assert aligned_rows(pool, turned, "f").tolist() == [place[k] for k in range(18)]


def test_equal_images_go_one_by_one_and_by_their_class(blocks):
    """Rows 0 and 3 are one image twice in class 0; row 4 is it once more, under class 1."""
    images = blocks.images.clone()
    images[3] = images[4] = images[0]
    pool = rdc.from_tensors(images, blocks.labels, blocks.classes)
    table = table_of(pool)
    assert aligned_rows(pool, table, "f").tolist() == list(range(18))
    turned = table.iloc[::-1].reset_index(drop=True)
    rows = aligned_rows(pool, turned, "f")
    assert (turned["content"].to_numpy()[rows] == table["content"]).all()
    assert (turned["class"].to_numpy()[rows] == table["class"]).all()
    assert sorted(rows) == list(range(18))
    once = table.drop(index=3).reset_index(drop=True)  # either of the two will do
    assert aligned_rows(pool, once, "f")[[0, 3]].tolist() == [0, 0]


def test_copies_in_a_class_go_by_their_file_names(blocks):
    """A table in another order gave each of the two the other's score."""
    images = torch.cat([blocks.images[:3], blocks.images[:1]])
    names = ["a/0.png", "a/1.png", "a/2.png", "a/copy.png"]
    pool = named(rdc.from_tensors(images, torch.zeros(4, dtype=torch.int64), ("a",)), names)
    for order in ([3, 2, 1, 0], [1, 3, 0, 2]):
        turned = table_of(pool, file_name=names).iloc[order].reset_index(drop=True)
        rows = aligned_rows(pool, turned, "f")
        assert turned["file_name"].to_numpy()[rows].tolist() == names
        moved = turned.assign(file_name="elsewhere/" + turned["file_name"])
        assert sorted(aligned_rows(pool, moved, "f")) == [0, 1, 2, 3]


def test_two_numbers_for_one_image_are_refused(blocks):
    table = table_of(blocks, row_id=range(18), file_name="", score=0.1)
    assert len(aligned_rows(blocks, pd.concat([table, table]), "f")) == 18  # they say the same
    bare = table_of(blocks, score=0.1).drop(columns=["class"])
    assert len(aligned_rows(blocks, bare, "f")) == 18
    seeds = pd.concat([bare, bare.assign(score=0.2)], ignore_index=True)
    with pytest.raises(DataError, match="f has several rows for content"):
        aligned_rows(blocks, seeds, "f")
    twins = blocks[[0, 0]]  # an image and its copy may have two scores
    assert aligned_rows(twins, seeds.iloc[[0, 18]].reset_index(drop=True), "f").tolist() == [0, 1]
    short = table_of(blocks, file_name="1.png").iloc[[0]]  # in two classes
    both = pd.concat([short, short.assign(**{"class": "1"})], ignore_index=True)
    assert aligned_rows(blocks[[0]], both, "f").tolist() == [0]
    with pytest.raises(DataError, match="f has several rows for row_id 0: keep one"):
        aligned_rows(blocks, pd.concat([table, table.assign(score=0.5)]), "f")


@pytest.mark.parametrize("name", ["", None, "a file each"])
@pytest.mark.parametrize("numbered", [False, True])
def test_two_tables_put_together_are_refused_whatever_stands_beside(blocks, name, numbered):
    """Names that are all missing hid it, and so did row numbers that run on through both."""
    names = [f"{k}.png" for k in range(18)] if name else [name] * 18
    one = table_of(blocks, file_name=names, score=0.1)
    both = pd.concat([one, one.assign(score=0.2)], ignore_index=True)
    both = both.assign(row_id=range(36)) if numbered else both
    for table in (both, both.drop(columns="class")):
        with pytest.raises(DataError, match=r"f has several rows for .*: keep one row for each"):
            aligned_rows(blocks, table, "f")
    same = both.assign(score=0.1)
    assert len(aligned_rows(blocks, same, "f")) == 18


def test_row_numbers_tell_copies_apart_that_the_pool_lacks(blocks):
    """A table of a whole source, and a pool that holds one of each two copies in it."""
    images = torch.cat([blocks.images, blocks.images[:6]])
    whole = rdc.from_tensors(images, torch.cat([blocks.labels, blocks.labels[:6]]), blocks.classes)
    table = table_of(whole, row_id=range(24), score=np.arange(24.0))
    assert aligned_rows(whole[:18], table, "f").tolist() == list(range(18))
    assert aligned_rows(whole, table, "f").tolist() == list(range(24))


def test_other_pixels_are_refused_with_the_count_and_the_remedy(blocks):
    images = blocks.images.clone()
    images[:4] ^= 1
    other = rdc.from_tensors(images, blocks.labels, blocks.classes)
    with pytest.raises(DataError) as error:
        aligned_rows(other, table_of(blocks), "f.csv", "blocks at 32 px")
    assert "f.csv holds scores for 14 of the 18 images of this set at 16 px" in str(error.value)
    assert "made from blocks at 32 px; load that, or score these" in str(error.value)


def test_a_score_of_another_label_is_refused(blocks):
    labels = blocks.labels.clone()
    labels[7] = 0
    mended = rdc.from_tensors(blocks.images, labels, blocks.classes)
    with pytest.raises(DataError, match=r"1 images have another class in f than here.*row 7, '0'"):
        aligned_rows(mended, table_of(blocks), "f")
    bare = table_of(blocks).drop(columns="class")  # a table that says nothing of classes is taken
    assert aligned_rows(mended, bare, "f").tolist() == list(range(18))


@pytest.mark.parametrize("column", ["file_name", "filename", "path"])
@pytest.mark.parametrize(
    "form", ["{}", "/home/me/{}", "./data/{}", "{short}", "back\\slashes\\{short}"]
)
def test_file_names_match_from_their_end(blocks, column, form):
    names = ["train/a/1.png", "train/b/1.png", "train/b/2.png"]
    if form.startswith("back"):
        names, form = [n.removeprefix("train/") for n in names], "back\\slashes\\{}"
    told = [form.format(n, short=n.removeprefix("train/")) for n in names[::-1]]
    found = aligned_rows(named(blocks, names), pd.DataFrame({column: told}), "f")
    assert found.tolist() == [2, 1, 0]


def test_names_of_other_images_do_not_confuse(blocks):
    told = pd.DataFrame({"file": ["1.png", "dog/2.png", "dog/1.png", "cat/2.png"]})
    assert aligned_rows(named(blocks, ["cat/1.png", "cat/2.png"]), told, "f").tolist() == [0, 3]


WRONG = [
    (["1.png"], "names 1 of the 2 images; train/b/2.png has no row"),
    (["val/a/1.png", "val/b/2.png"], "names 0 of the 2 images"),
    (["a/1.png", "train/a/1.png", "b/2.png"], "several rows for train/a/1.png"),
]


@pytest.mark.parametrize(("told", "said"), WRONG)
def test_file_names_that_do_not_match_are_refused(blocks, told, said):
    pool = named(blocks, ["train/a/1.png", "train/b/2.png"])
    with pytest.raises(DataError, match=said):
        aligned_rows(pool, pd.DataFrame({"file": told}), "f")


def test_names_without_folders_must_tell_the_images_apart(blocks):
    pool = named(blocks, ["a/1.png", "b/1.png"])
    with pytest.raises(DataError, match="do not tell the images apart: give them with their"):
        aligned_rows(pool, pd.DataFrame({"file": ["1.png"]}), "f")


def test_nothing_to_go_by_is_refused(blocks):
    with pytest.raises(DataError, match=r"neither a column content nor one of file names.*row_id"):
        pool = named(blocks, [f"{k}.png" for k in range(18)])
        aligned_rows(pool, pd.DataFrame({"row_id": range(18), "el2n": 0.5}), "f")
    for table in ({"file": ["a"] * 18}, {"row_id": range(18)}):  # names would not help
        with pytest.raises(DataError, match="the images of blocks have no file names, and f has"):
            aligned_rows(blocks, pd.DataFrame(table), "f")
    assert torch.equal(blocks.row_ids, torch.arange(18))
