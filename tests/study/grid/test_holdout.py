"""Choosing on a hold-out: the test set is never seen."""

from dataclasses import replace

import pandas as pd
import pytest

from rdc_kit.study.grid import holdout
from rdc_kit.study.grid.arms import Arm
from rdc_kit.study.grid.holdout import choose_on_holdout
from rdc_kit.train import protocols

from ..conftest import HARD1, small_setup


def test_the_test_set_is_never_seen(fresh_home, monkeypatch):
    """With a test set of garbage the choice is the same, and no pixel of it is read."""
    arms = [Arm("random"), Arm("noise")]
    setup = small_setup()
    chosen = choose_on_holdout(setup, arms, 2, protocols.hard(epochs=40), student="convnet2-w8")
    assert chosen.key == "random"
    garbage = 255 - setup.test.images
    again = replace(setup, test=replace(setup.test, images=garbage))
    touched, read = [], type(setup.test).fingerprint
    monkeypatch.setattr(
        type(setup.test), "fingerprint", lambda self: touched.append(self) or read(self)
    )
    other = choose_on_holdout(again, arms, 2, protocols.hard(epochs=40), student="convnet2-w8")
    assert other.key == chosen.key
    assert touched
    assert not any(one.images is garbage for one in touched)


def test_each_replicate_holds_out_another_part(monkeypatch):
    """No image is on both sides, and the parts together are the pool."""
    setup, parts = small_setup(), []

    class Grid:
        def __init__(self, apart, *_):
            parts.append([set(one.row_ids.tolist()) for one in (apart.pool, apart.test)])

        def measure(self):
            return {"top1": pd.Series([1.0, 2.0])}

    monkeypatch.setattr(holdout, "Experiment", Grid)
    for seed in (1, 2):
        arm = choose_on_holdout(setup, [Arm("random"), Arm("noise")], 2, HARD1, seed)
        assert arm.key == "noise"
    for rest, test in parts:
        assert not rest & test
        assert rest | test == set(setup.pool.row_ids.tolist())
    assert parts[0][1] != parts[1][1]


def test_nothing_to_choose_from_is_refused():
    with pytest.raises(ValueError, match="no arms to choose from"):
        choose_on_holdout(small_setup(), [], 1, HARD1)
