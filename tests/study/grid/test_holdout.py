"""Choosing on a hold-out: disjoint, balanced, and the test set is never seen."""

from dataclasses import replace

import pytest
import torch

from rdc_kit.data.origins import content_hashes
from rdc_kit.study.grid.arms import Arm
from rdc_kit.study.grid.holdout import choose_on_holdout, holdout_setup
from rdc_kit.train import protocols

from ..conftest import HARD1, large_setup, small_setup


def test_the_parts_are_disjoint_and_hold_every_class():
    setup = small_setup()
    apart = holdout_setup(setup, seed=1, share=0.25)
    rows = [set(part.row_ids.tolist()) for part in (apart.pool, apart.test)]
    assert not rows[0] & rows[1]
    assert rows[0] | rows[1] == set(setup.pool.row_ids.tolist())
    share = apart.test.counts() / setup.pool.counts()
    assert torch.allclose(share, torch.full_like(share, 0.25), atol=0.1)
    other = holdout_setup(setup, seed=2, share=0.25)
    assert set(other.test.row_ids.tolist()) != rows[1]


def test_nothing_is_chosen_on_a_copy_of_a_training_image():
    setup = large_setup()
    twice = replace(setup, pool=setup.pool[[*range(120), *range(0, 120, 3)]])
    apart = holdout_setup(twice, share=0.4)
    assert not set(content_hashes(apart.pool.images)) & set(content_hashes(apart.test.images))


def test_the_test_set_is_never_seen(fresh_home, monkeypatch):
    """With a test set of garbage the choice is the same, and no pixel of it is read."""
    arms = [Arm("random"), Arm("noise")]
    setup = small_setup()
    chosen = choose_on_holdout(setup, arms, 2, protocols.hard(epochs=40), student="convnet2-w8")
    assert chosen.key == "random"
    garbage = replace(setup.test, images=255 - setup.test.images)
    touched = []
    monkeypatch.setattr(type(garbage), "fingerprint", lambda self: touched.append(self) or "f" * 24)
    again = replace(setup, test=garbage)
    holdout_setup(again)
    assert not any(one is garbage for one in touched)
    monkeypatch.undo()
    other = choose_on_holdout(again, arms, 2, protocols.hard(epochs=40), student="convnet2-w8")
    assert other.key == chosen.key


def test_nothing_to_choose_from_is_refused():
    with pytest.raises(ValueError, match="no arms to choose from"):
        choose_on_holdout(small_setup(), [], 1, HARD1)
    with pytest.raises(
        ValueError, match=r"class '0' has 8 images, and a share of 0\.99 leaves none"
    ):
        holdout_setup(small_setup(), share=0.99)
