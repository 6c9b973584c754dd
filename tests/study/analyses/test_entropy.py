"""Entropy under an observer: known answers, an outside reference, the paper's statements."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats as reference
from torch import nn

import rdc_kit as rdc
from rdc_kit.data.imagesets import Traits
from rdc_kit.study.analyses import entropy, observers
from rdc_kit.study.grid.arms import Arm
from rdc_kit.study.grid.experiments import plan_trials

from ...conftest import colour_blocks
from ..conftest import small_setup
from .conftest import Colours, curve_of, named_setup


def test_measuring_stored_images_asks_the_observer_of_the_plain_image(blocks, observer):
    found = entropy.doubt(blocks, observer)
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
    sure, doubt = (entropy.doubt(stored, observer, v)["entropy"][0] for v in ("cell", "whole"))
    assert sure < 0.01 < 0.4 < doubt
    again = entropy.doubt(stored, observer, "cell", seed=3)
    assert again.equals(entropy.doubt(stored, observer, "cell", seed=3))


def test_the_chosen_crop_is_the_likeliest_and_brings_its_own_entropy(observer):
    pool = colour_blocks(40, classes=2)
    two = observers.Observer((_TwoClasses(),), "two", observer.runtime)
    many, one = (entropy.selective_crops(pool, two, crops, seed=1) for crops in (8, 1))
    assert many["nll_crop"].mean() < one["nll_crop"].mean()
    own = np.exp(-many["nll_crop"])  # with two classes NLL tells the entropy
    expected = reference.entropy(np.stack([own, 1 - own]), axis=0)
    np.testing.assert_allclose(many["entropy_crop"], expected, atol=1e-4)
    few = entropy.selective_crops(pool, two, 2, count=5)
    assert len(few) == 5


class _TwoClasses(nn.Module):
    def forward(self, inputs):
        return torch.stack([inputs[:, 0].mean((1, 2)), inputs[:, 1].mean((1, 2))], 1)


def test_images_that_went_against_each_other_are_counted_by_seed():
    found = pd.DataFrame(
        {
            "seed": [0, 0, 1, 1],
            "nll": [1.0, 1.0, 1.0, 1.0],
            "nll_crop": [0.5, 0.5, 2.0, 0.5],
            "entropy": [0.2, 0.2, 0.2, 0.2],
            "entropy_crop": [0.3, 0.1, 0.3, 0.2],
        }
    )
    table = entropy.likelier_and_less_sure(found)
    assert table["share"].tolist() == [50.0, 0.0]
    assert table["images"].tolist() == [2, 2]


@pytest.mark.parametrize(
    ("difference", "expected"),
    [
        ([1, 1, -1], 0.75),
        ([-1, -1, -1], math.nan),
        ([-1, 3, -1], 0.875),
        ([-1, -1, 0], 1.0),
    ],
)
def test_the_last_crossing_is_found_between_the_ratios(difference, expected):
    found = entropy.crossing(np.array([0.25, 0.5, 1.0]), np.array(difference, float))
    assert found == pytest.approx(expected, nan_ok=True)


def test_the_critical_ratio_lies_in_its_interval_or_does_not_exist():
    found = entropy.critical_ratio(curve_of([0.45, 0.6, 0.8]), "D'", "D")
    assert found["r"] == pytest.approx(2 / 3, abs=0.03)
    assert found["low"] < found["r"] < found["high"]
    assert found["high"] - found["low"] < 0.1
    assert found["share"] == 1
    assert found["gap"] == pytest.approx(-0.2, abs=0.02)
    never = entropy.critical_ratio(curve_of([0.1, 0.2, 0.3]), "D'", "D")
    assert math.isnan(never["r"])
    assert never["share"] == 0
    with pytest.raises(rdc.DataError, match="no set 'X': D, D'"):
        entropy.critical_ratio(curve_of([1, 1, 1]), "X", "D")


def test_a_curve_falls_to_certainty_where_crops_show_one_colour(exact):
    """Half red, half green: small crops lie in one half, large ones see both."""
    images = torch.zeros(6, 3, 32, 32, dtype=torch.uint8)
    images[:, 0, :, :16] = 255
    images[:, 1, :, 16:] = 255
    traits = Traits(size=32, flip=False, min_crop=0.1)
    pool = rdc.from_tensors(images, torch.zeros(6, dtype=torch.long), ("all",), traits=traits)
    observer = observers.Observer((Colours(4.0),), "colours", exact)
    curve = entropy.entropy_curve({"halves": pool}, observer, (0.02, 1.0), draws=10)
    means = curve.groupby("r")["entropy"].mean()
    assert means[0.02] < 0.25 < 0.6 < means[1.0]


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
    table = entropy.entropy_of_views(stored, observer, seeds=2, draws=2)
    assert table["view"].tolist() == ["stored", "whole", "shuffle", "cell"] * 2
    still = table.loc[table["view"] == "stored", "entropy"]
    assert still.nunique() == 1  # nothing is drawn of the stored image
    assert table.loc[table["view"] == "whole", "entropy"].nunique() == 2
