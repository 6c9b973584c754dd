"""The explorers' pictures: known answers, and states that cannot be drawn are refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import rdc_kit as rdc
from rdc_kit.augment.boxes import cell_boxes
from rdc_kit.study.explorers import canvas, renders
from rdc_kit.study.verdicts import metrics

from .conftest import Doubtful, texts


def tile(drawn, block, k):
    left, top, side = (canvas.DENSITY * n for n in (*block.corner(k), block.side))
    return drawn[top : top + side, left : left + side]


def test_a_window_picks_its_ranks_and_the_composite_is_combines(pool, scores, blocks_painted):
    figure = renders.render_composite(pool, scores, "1", (3, 10), 2, "sequential")
    easy = rdc.select(pool, scores, per_class=10, order="easy")
    mine = easy[easy.rows_of(1)[2:10]]
    alone = rdc.from_tensors(mine.images, torch.zeros(8).long(), row_ids=mine.row_ids)
    made = rdc.combine(alone, 2, "sequential")
    originals, composites = blocks_painted
    assert torch.equal(composites.images, made.images)
    assert torch.equal(originals.images, mine.images[:4])
    assert originals.captions == ["rank 3", "rank 4", "rank 5", "rank 6"]
    drawn = canvas.pixels(figure)
    one = tile(drawn, composites, 1)  # 336 pixels: 21 for each of 16, but for the seams
    expected = made.images[1].permute(1, 2, 0).numpy()
    assert np.array_equal(one[10::21, 10::21], expected)


def test_groupings_differ_and_show_which_ranks_share_a_composite(pool, scores, blocks_painted):
    renders.render_composite(pool, scores, "0", (1, 8), 2, "rank_block")
    assert blocks_painted[0].captions == ["rank 1", "rank 3", "rank 5", "rank 7"]
    renders.render_composite(pool, scores, "0", (1, 8), 2, "random")
    assert len(set(blocks_painted[0].captions)) == 4


@pytest.mark.parametrize(
    ("window", "cells", "expected"),
    [
        ((5, 8), 4, [5, 6, 7, 8]),
        ((7, 7), 1, [7]),
        ((1, 100), 1, [1, 34, 67, 100]),
        ((1, 9), 9, list(range(1, 10))),
    ],
)
def test_ranks_spread_over_the_whole_window(window, cells, expected):
    assert renders.chosen_ranks(window, cells).tolist() == expected


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"name": "9"}, "unknown class '9'"),
        ({"window": (1, 3)}, "ranks 1 to 3 are 3, a composite needs 4"),
        ({"window": (18, 21)}, "has 20 images, got rank 21"),
        ({"grouping": "best"}, "unknown grouping 'best'"),
    ],
)
def test_a_bad_composite_is_refused(pool, scores, state, message):
    good = {"name": "0", "window": (1, 4), "grid": 2}
    with pytest.raises(ValueError, match=message):
        renders.render_composite(pool, scores, **(good | state))


def test_the_entropy_written_is_that_of_the_views_drawn(pool, blocks_painted):
    stored = rdc.combine(rdc.select(pool, per_class=4, order="random"), 2)
    observer = Doubtful()
    figure = renders.render_views(stored, 1, "shuffled", 0.3, 0.5, draw=7, observer=observer)
    inputs = renders.draw_views(stored, 1, "shuffled", 0.3, 0.5, True, 7)
    expected = metrics.shannon(inputs.mean((2, 3)))
    views = blocks_painted[1]
    _, mirrored = renders.draw_boxes(stored, 1, "shuffled", 0.3, True, 7)
    assert {True, False} == set(mirrored)
    assert views.captions == [
        f"{k + 1}{', mirrored' if turned else ''}: {value:.3f} nats"
        for k, (turned, value) in enumerate(zip(mirrored, expected.tolist(), strict=True))
    ]
    assert f"mean entropy {expected.mean():.3f} nats" in texts(figure)
    assert "(0: certain; 1.10: all classes alike)" in texts(figure)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (stored.traits.mean, stored.traits.std))
    assert torch.allclose((views.images / 255 - mean) / std, inputs, atol=0.02)


def test_a_set_that_may_not_be_flipped_says_so(pool):
    still = replace(pool, traits=replace(pool.traits, flip=False))
    assert "no flips: they change the label" in texts(renders.render_views(still))
    assert not any("flip" in text for text in texts(renders.render_views(pool)))


def test_extracted_views_stay_in_a_cell_and_shuffled_ones_do_not():
    """Four cells of one colour each: an extracted view has one colour."""
    image = torch.zeros(1, 3, 16, 16, dtype=torch.uint8)
    for k, (y, x, h, w) in enumerate(cell_boxes(16, 2).tolist()):
        image[..., y : y + h, x : x + w] = 60 * (k + 1)
    flat = rdc.from_tensors(
        image, torch.zeros(1).long(), grid=(2, 2), members=torch.arange(4)[None]
    )
    extracted = renders.draw_views(flat, 0, "extracted", 0.2, 0.0, False, 0)
    shuffled = renders.draw_views(flat, 0, "shuffled", 0.9, 0.0, False, 0)
    assert extracted.flatten(2).std(2).max() < 1e-4
    assert shuffled.flatten(2).std(2).min() > 0.1


@pytest.mark.parametrize("view", ["whole", "shuffled", "extracted"])
def test_the_frames_on_the_stored_image_hold_what_the_network_sees(view):
    """Each pixel of the image has a value of its own; a view's values lie inside its boxes."""
    side = 16
    image = torch.arange(side * side, dtype=torch.uint8).view(1, 1, side, side).expand(1, 3, -1, -1)
    flat = rdc.from_tensors(
        image.clone(), torch.zeros(1).long(), grid=(2, 2), members=torch.arange(4)[None]
    )
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (flat.traits.mean, flat.traits.std))
    for draw in range(5):
        inputs = renders.draw_views(flat, 0, view, 0.3, 0.0, True, draw)
        boxes, _ = renders.draw_boxes(flat, 0, view, 0.3, True, draw)
        for parts, seen in zip(boxes, (inputs * std + mean) * 255, strict=True):
            inside = torch.cat(
                [image[0, 0, y : y + h, x : x + w].flatten() for y, x, h, w in parts]
            )
            middle = seen[0, 4:12, 4:12].round()
            assert int(inside.min()) - 1 <= middle.min()
            assert middle.max() <= int(inside.max()) + 1
            assert len(parts) == 1 or view == "shuffled"


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"view": "inside"}, "unknown view 'inside'"),
        ({"low": 0.0}, "crop scale"),
        ({"cutout": 2.0}, "cutout"),
        ({"index": 60}, "the set has 60 images, counted from 0, got image 60"),
    ],
)
def test_a_bad_view_is_refused(pool, state, message):
    with pytest.raises(ValueError, match=message):
        renders.render_views(pool, **state)
