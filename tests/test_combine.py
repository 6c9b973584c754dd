"""Composites map back to the originals, pixel by pixel."""

from importlib import import_module

import pytest
import torch
from torchvision.transforms.v2 import functional as reference

import rdc_kit as rdc
from rdc_kit.augment.boxes import cell_boxes

from .conftest import colour_blocks


@pytest.mark.parametrize("grid", [1, 2, 3, (1, 2), (3, 1)])
@pytest.mark.parametrize("grouping", ["rank_block", "sequential", "random"])
def test_the_manifest_maps_every_cell_to_its_original(grid, grouping):
    pool = colour_blocks(per_class=36, size=17)
    turned = pool[torch.randperm(len(pool), generator=torch.Generator().manual_seed(0))]
    stored = rdc.combine(turned, grid, grouping)
    rows, columns = stored.grid
    assert len(stored) == len(pool) // (rows * columns)
    assert sorted(stored.members.flatten().tolist()) == list(range(len(pool)))
    boxes = cell_boxes(17, grid).tolist()
    for image, label, members in zip(stored.images, stored.labels, stored.members, strict=True):
        for (y, x, h, w), row in zip(boxes, members.tolist(), strict=True):
            assert pool.labels[row] == label
            small = reference.resize(pool.images[row].float(), [h, w], antialias=True)
            assert (image[:, y : y + h, x : x + w] - small).abs().max() <= 0.51


def test_a_grid_of_one_changes_nothing(blocks):
    assert torch.equal(
        rdc.combine(blocks, 1).images, blocks[blocks.labels.argsort(stable=True)].images
    )


@pytest.mark.parametrize("grid", [2, (1, 3)])
def test_many_composites_are_pasted_in_parts_and_no_pixel_changes(monkeypatch, grid):
    """Nine times their size in memory was taken."""
    pool, counts = colour_blocks(per_class=36, size=17), []
    module = import_module("rdc_kit.combine")  # its name in the package is the function's
    shrink = module.shrink

    def counted(images, height, width):
        counts.append(len(images))
        return shrink(images, height, width)

    monkeypatch.setattr(module, "_AT_ONCE", 10**6)
    whole = rdc.combine(pool, grid).images
    monkeypatch.setattr(module, "shrink", counted)
    for count in (1, 7, 10):
        monkeypatch.setattr(module, "_AT_ONCE", count)
        counts.clear()
        assert torch.equal(rdc.combine(pool, grid).images, whole)
        assert max(counts) == count


def test_groupings_take_the_ranks_they_say():
    pool = colour_blocks(per_class=8, classes=1, size=8)
    assert rdc.combine(pool, 2, "rank_block").members.tolist() == [[0, 2, 4, 6], [1, 3, 5, 7]]
    assert rdc.combine(pool, 2, "sequential").members.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    random = rdc.combine(pool, 2, "random", seed=3).members
    assert sorted(random.flatten().tolist()) == list(range(8))
    assert torch.equal(random, rdc.combine(pool, 2, "random", seed=3).members)


def test_a_composite_asks_to_be_seen_by_cell_and_says_how_it_was_made(blocks):
    stored = rdc.compress("pca", blocks, ipc=1, order="random")
    assert stored.view == "cell"
    assert stored.provenance["originals_per_class"] == 4
    assert stored.provenance["grid"] == [2, 2]
    assert len(stored) == 3


def test_what_does_not_fit_is_refused(blocks):
    with pytest.raises(rdc.DataError, match="class '0' has 6 images; a 2x2 grid needs a multiple"):
        rdc.combine(blocks, 2)
    with pytest.raises(ValueError, match="17x17 grid does not fit into images of 16 pixels"):
        rdc.combine(blocks, 17)
    with pytest.raises(ValueError, match="unknown grouping"):
        rdc.combine(blocks, 1, "sorted")
    with pytest.raises(rdc.DataError, match="composites already"):
        rdc.combine(rdc.combine(blocks, 1), 1)


def test_classes_of_different_sizes_are_refused():
    """They gave sets with one composite of a class and two of another."""
    pool = colour_blocks(per_class=8)
    uneven = pool[torch.cat([pool.rows_of(0)[:4], pool.rows_of(1), pool.rows_of(2)[:4]])]
    told = "class '.*' has 4 images and '.*' 8: combine takes equally many of each"
    with pytest.raises(rdc.DataError, match=told):
        rdc.combine(uneven)


def test_both_parts_of_a_source_are_no_set(blocks):
    with pytest.raises(ValueError, match=r"images must be of the kind ImageSet, .* got tuple"):
        rdc.combine((blocks, blocks))
