"""Entropy under an observer: known answers, an outside reference, the paper's statements."""

import math

import numpy as np
import pandas as pd
import torch
from scipy import stats as reference

import rdc_kit as rdc
from rdc_kit.data.imagesets import Traits
from rdc_kit.study.analyses import entropy, observers
from rdc_kit.study.grid.arms import Arm
from rdc_kit.study.grid.experiments import plan_trials

from ...conftest import colour_blocks
from ..conftest import small_setup
from .conftest import Colours, named_setup


def test_measuring_stored_images_asks_the_observer_of_the_plain_image(blocks, observer):
    found = entropy.entropy_and_nll(blocks, observer)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (blocks.traits.mean, blocks.traits.std))
    logits = 3 * ((blocks.images / 255 - mean) / std).mean((2, 3))
    expected = reference.entropy(logits.softmax(1).numpy(), axis=1)
    np.testing.assert_allclose(found["entropy"], expected, rtol=1e-4)
    own = logits.log_softmax(1).gather(1, blocks.labels[:, None]).squeeze(1)
    np.testing.assert_allclose(found["nll"], -own, rtol=1e-4, atol=1e-5)


def test_extracted_views_of_plain_cells_are_as_sure_as_the_cells(exact):
    """Cells of one strong colour each: inside a cell certain, over the whole in doubt."""
    images = torch.zeros(3, 3, 16, 16, dtype=torch.uint8)
    for k in range(3):
        images[k, k] = 255
    traits = Traits(size=16, flip=False, min_crop=0.9)
    cells = torch.cat([images[:1], images[1:2], images[2:3], images[:1]])
    pool = rdc.from_tensors(cells, torch.zeros(4, dtype=torch.long), ("all",), traits=traits)
    stored = rdc.combine(pool, grid=2)
    observer = observers.Observer((Colours(3.0),), "colours", exact)
    sure, doubt = (
        entropy.entropy_and_nll(stored, observer, v)["entropy"][0] for v in ("cell", "whole")
    )
    assert sure < 0.01 < 0.4 < doubt
    again = entropy.entropy_and_nll(stored, observer, "cell", seed=3)
    assert again.equals(entropy.entropy_and_nll(stored, observer, "cell", seed=3))


def test_a_table_of_sets_has_a_row_for_each(fresh_home, observer):
    setup = named_setup(("a", "b", "c"))
    arms = [Arm(name) for name in ("random", "noise", "pca")]
    table = entropy.entropy_of_sets(plan_trials(setup, arms, 2, seeds=2), setup, observer)
    assert table["method"].tolist() == ["random", "noise", "pca"] * 2
    assert table["seed"].tolist() == [0] * 3 + [1] * 3
    assert (table[["stored", "seen"]] >= 0).all(axis=None)
    assert (table[["stored", "seen"]] <= math.log(3) + 1e-6).all(axis=None)


def test_there_is_a_trial_for_the_set_of_every_method_and_slow_ones_are_made_once():
    trials = entropy.set_trials(small_setup(), 1, 2, frozen=["set"])
    counts = pd.Series([trial.arm.method for trial in trials]).value_counts()
    assert set(counts.index) == set(rdc.METHODS)
    assert set(counts[counts == 1].index) == {"sre2l", "cda", "gvbsm", "lpld", "dwa"}
    assert len(entropy.set_trials(small_setup(), 1, 2)) == 2 * len(rdc.METHODS)


def test_views_of_composites_are_compared_draw_by_draw(observer):
    stored = rdc.compress("pca", colour_blocks(40), 2, order="random")
    table = entropy.entropy_of_views(stored, observer, seeds=2, repeats=2)
    assert table["view"].tolist() == ["stored", "whole", "shuffle", "cell"] * 2
    still = table.loc[table["view"] == "stored", "entropy"]
    assert still.nunique() == 1  # nothing is drawn of the stored image
    assert table.loc[table["view"] == "whole", "entropy"].nunique() == 2
