"""Image sets: rows, fingerprints and classes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import rdc_kit as rdc
from rdc_kit.data.imagesets import Traits

from ..conftest import colour_blocks
from .conftest import _value, encoded, image_features, parquet


def test_indexing_keeps_rows_together():
    pool = colour_blocks()
    part = pool[torch.tensor([5, 2])]
    assert part.row_ids.tolist() == [5, 2]
    assert torch.equal(part.images[1], pool.images[2])
    assert len(pool[:4]) == len(pool[[0, 1, 2, 3]]) == 4
    assert len(pool[pool.labels == 1]) == 6
    assert len(pool[3]) == 1


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        (3, [3]),
        (-1, [17]),
        (np.int64(3), [3]),
        (torch.tensor([0, 5, 1]).argmax(), [1]),
        ((4, 2), [4, 2]),
        (range(2, 8, 3), [2, 5]),
        (np.array([7, 7]), [7, 7]),
        (np.arange(18) > 15, [16, 17]),
        (np.array([1, 0, 1], dtype=np.uint8), [1, 0, 1]),
        (torch.tensor([1, 0], dtype=torch.uint8), [1, 0]),
        (np.array([3, 4], dtype=np.uint16), [3, 4]),
        (np.arange(3)[::-1], [2, 1, 0]),
        ([False] * 17 + [True], [17]),
        ([], []),
        (range(0), []),
        (torch.zeros(18, dtype=torch.bool), []),
        (slice(16, None), [16, 17]),
    ],
    ids=str,
)
def test_rows_may_be_given_in_any_usual_form(rows, kept):
    part = colour_blocks()[rows]
    assert part.row_ids.tolist() == kept
    assert part.images.shape == (len(kept), 3, 16, 16)
    assert part.labels.shape == (len(kept),)


def test_rows_in_several_dimensions_are_refused():
    """A square of rows gave images in five dimensions."""
    for rows in ([[0, 1], [2, 3]], np.zeros((18, 1), bool), torch.zeros(2, 2, 2).long()):
        with pytest.raises(IndexError, match="rows must be in one dimension"):
            colour_blocks()[rows]


@pytest.mark.parametrize("rows", [[0.5, 1.0], None, "a", {1, 2}, 1.5, torch.tensor(1j)])
def test_rows_are_chosen_by_whole_numbers_or_a_mask(rows):
    """Of most others torch said that it could not infer a dtype."""
    with pytest.raises(IndexError, match="rows are chosen by whole numbers or a mask, got"):
        colour_blocks()[rows]


@pytest.mark.parametrize("label", [3, -1, "a", 0.5, None])
def test_a_class_that_is_not_there_has_no_rows(label):
    """-1 gave those of the last one."""
    with pytest.raises(IndexError, match=r"no class .*: they are numbered 0 to 2"):
        colour_blocks().rows_of(label)
    assert len(colour_blocks().rows_of(np.int64(2))) == len(
        colour_blocks().rows_of(torch.tensor(2))
    )


def test_fingerprints_tell_sets_apart():
    pool = colour_blocks()
    assert pool.fingerprint() == colour_blocks().fingerprint()
    other = colour_blocks()
    other.images[0, 0, 0, 0] ^= 1
    assert other.fingerprint() != pool.fingerprint()
    assert pool[[1, 0]].fingerprint() != pool[[0, 1]].fingerprint()
    assert pool[::4].fingerprint() == pool[list(range(0, len(pool), 4))].fingerprint()


def test_equal_sets_have_one_fingerprint_whatever_kinds_of_numbers_were_given():
    """By numpy's numbers and names it was another, until the set was saved and read again."""
    pool, names = colour_blocks(), ["a", "b", "c"]
    usual = Traits(size=16, mean=(0.5, 0.25, 0.125), std=(0.5,) * 3)
    known = replace(pool, classes=tuple(names), traits=usual).fingerprint()
    for traits in (
        usual,
        Traits(size=np.int64(16), mean=np.array([0.5, 0.25, 0.125], "f"), std=[0.5] * 3),
        Traits(size=16, mean=torch.tensor([0.5, 0.25, 0.125]), std=np.full(3, 0.5), flip=np.True_),
    ):
        for classes in (names, tuple(names), np.array(names)):
            made = rdc.from_tensors(pool.images, pool.labels, classes, traits=traits)
            assert made.fingerprint() == known
        assert traits == usual
        assert hash(traits) == hash(usual)  # what a view keeps is found by it


def test_classes_without_an_image_are_counted():
    images = torch.zeros(3, 3, 8, 8, dtype=torch.uint8)
    made = rdc.from_tensors(images, torch.tensor([2, 0, 2]), ("a", "b", "c", "d"))
    assert made.counts().tolist() == [1, 0, 2, 0]
    assert made.rows_of(2).tolist() == [0, 2]
    assert rdc.from_tensors(images, torch.tensor([2, 0, 2])).classes == ("0", "1", "2")


def test_like_puts_classes_into_the_pools_order():
    pool = colour_blocks()
    other = replace(pool, classes=pool.classes[::-1])
    same = other.like(pool)
    names = [other.classes[k] for k in other.labels]
    assert [same.classes[k] for k in same.labels] == names
    assert same.classes == pool.classes
    with pytest.raises(rdc.DataError, match="name different classes: z and "):
        replace(pool, classes=("z", *pool.classes[1:])).like(pool)


def test_numbers_that_are_names_keep_their_classes():
    """A pool of numbered folders is sorted as texts: images of '2' became images of '10'."""
    counted, sorted_as_texts = map(str, range(12)), sorted(map(str, range(12)))
    unnamed = colour_blocks(per_class=1, classes=12)
    pool = replace(unnamed, classes=tuple(sorted_as_texts))
    named = replace(unnamed, classes=tuple(counted))
    assert named.like(pool).labels.tolist() == [sorted_as_texts.index(str(k)) for k in range(12)]
    assert unnamed.like(pool).labels.tolist() == list(range(12))  # in the order of the pool
    assert named.like(replace(pool, classes=tuple("abcdefghijkl"))).labels.tolist() == [*range(12)]
    assert named.fingerprint() == unnamed.fingerprint()


def test_numbers_of_a_table_are_no_names(tmp_path):
    import datasets

    columns = {"image": [encoded(k) for k in range(2)], "label": [0, 1]}
    kinds = {"named": datasets.ClassLabel(names=["0", "1"]), "unnamed": _value("int64")}
    pool = replace(colour_blocks(per_class=1, classes=2), classes=("1", "0"))
    for name, kind in kinds.items():
        path = parquet(tmp_path / f"{name}.parquet", columns, image_features({"label": kind}))
        labels = rdc.load(f"parquet:{path}").train.like(pool).labels.tolist()
        assert labels == ([1, 0] if name == "named" else [0, 1])


def test_each_image_has_its_classes_name_and_the_set_any_student():
    pool = replace(colour_blocks(per_class=1), classes=("cat", "dog", "a b"))
    assert pool[[2, 0, 0]].named_labels.tolist() == ["a b", "cat", "cat"]
    other = pool.with_student("resnet18")
    assert other.student == "resnet18"
    assert replace(other, traits=pool.traits).fingerprint() == pool.fingerprint()
