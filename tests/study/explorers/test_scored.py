"""Pictures of a scored pool: images of the range that was marked, and those that are disputed."""

import numpy as np
import pytest
import torch

import rdc_kit as rdc
from rdc_kit.study.explorers import canvas, scored


def test_a_range_of_scores_shows_images_of_that_range(pool, scores, blocks_painted):
    both = {"el2n": scores, "aum": rdc.Scores("aum", -scores.values, pool.row_ids)}
    figure = scored.render_scores(pool, both, "el2n", (0.0, 5.0), "aum")
    (block,) = blocks_painted
    assert torch.equal(block.images, pool.images[[59, 58, 57, 56]])  # 41, 42, 43, 44 of 41..100
    assert block.title.startswith("4 of the 4 images (7 %) between percentile 0 and 5")
    assert figure.axes[1].get_title() == "Spearman's rank correlation -1.00"
    first, second = (scored.render_scores(pool, both, "el2n", (0.0, 100.0), draw=k) for k in (0, 1))
    assert not np.array_equal(canvas.pixels(first), canvas.pixels(second))


def test_the_images_that_two_scores_disagree_on_are_found(pool, scores, blocks_painted):
    """One row is hardest by one score and easiest by the other; else they agree."""
    values = scores.values.clone()
    values[0], values[59] = 0, 1000
    both = {"el2n": scores, "aum": rdc.Scores("aum", values, pool.row_ids)}
    scored.render_scores(pool, both, "el2n", against="aum", pick="harder")
    (block,) = blocks_painted
    assert torch.equal(block.images[0], pool.images[0])
    assert block.captions[0] == "0: 100, 2"
    assert block.title.startswith("Harder by EL2N than by AUM, places 1 to 16")
    scored.render_scores(pool, both, "el2n", against="aum", pick="easier")
    assert torch.equal(blocks_painted[0].images[0], pool.images[59])
    scored.render_scores(pool, both, "el2n", against="aum", pick="harder", draw=1)
    assert "places 17 to 32" in blocks_painted[0].title
    with pytest.raises(ValueError, match="two different scores are needed"):
        scored.render_scores(pool, both, "el2n", against="el2n", pick="harder")
    with pytest.raises(ValueError, match="unknown pick 'best'"):
        scored.render_scores(pool, both, "el2n", against="aum", pick="best")


def test_ties_are_shown_whole():
    values = np.array([0.0] * 50 + [1.0, 2.0])
    assert scored.score_range(values, (0, 10)) == (0.0, 0.0)
    assert scored.score_range(values, (0, 100)) == (0.0, 2.0)
    with pytest.raises(ValueError, match="percentiles must be"):
        scored.score_range(values, (20, 10))
