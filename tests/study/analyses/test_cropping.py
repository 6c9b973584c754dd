"""Cropping and entropy: the chosen crop, and the crop at which two sets are equally sure."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats as reference
from torch import nn

import rdc_kit as rdc
from rdc_kit.data.imagesets import Traits
from rdc_kit.study.analyses import cropping, observers

from ...conftest import colour_blocks
from .conftest import Colours, curve_of


def test_the_chosen_crop_is_the_likeliest_and_brings_its_own_entropy(observer):
    pool = colour_blocks(40, classes=2)
    two = observers.Observer((_TwoClasses(),), "two", observer.runtime)
    many, one = (cropping.selective_crops(pool, two, crops, seed=1) for crops in (8, 1))
    assert many["nll_crop"].mean() < one["nll_crop"].mean()
    own = np.exp(-many["nll_crop"])  # with two classes NLL tells the entropy
    expected = reference.entropy(np.stack([own, 1 - own]), axis=0)
    np.testing.assert_allclose(many["entropy_crop"], expected, atol=1e-4)
    few = cropping.selective_crops(pool, two, 2, count=5)
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
    table = cropping.likelier_and_less_sure(found)
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
    found = cropping.crossing(np.array([0.25, 0.5, 1.0]), np.array(difference, float))
    assert found == pytest.approx(expected, nan_ok=True)


def test_the_critical_ratio_lies_in_its_interval_or_does_not_exist():
    curve = curve_of([0.45, 0.6, 0.8])
    found = cropping.critical_ratio(curve, "D'", "D")
    assert found["r"] == pytest.approx(2 / 3, abs=0.03)
    assert found["low"] < found["r"] < found["high"]
    # Both sets' images are drawn anew; at the crossing the difference falls by 0.6 a ratio.
    wide = curve.pivot_table("entropy", ["set", "image"], "r")
    there = (wide[0.5] * (1 - found["r"]) + wide[1.0] * (found["r"] - 0.5)) / 0.5
    error = (there.groupby("set").var(ddof=0).sum() / 40) ** 0.5 / 0.6
    assert found["high"] - found["low"] == pytest.approx(2 * 1.96 * error, rel=0.1)
    assert found["share"] == 1
    assert found["gap"] == pytest.approx(-0.2, abs=0.02)
    never = cropping.critical_ratio(curve_of([0.1, 0.2, 0.3]), "D'", "D")
    assert math.isnan(never["r"])
    assert never["share"] == 0
    with pytest.raises(rdc.DataError, match="no set 'X': D, D'"):
        cropping.critical_ratio(curve_of([1, 1, 1]), "X", "D")


def test_a_curve_falls_to_certainty_where_crops_show_one_colour(exact):
    """Half red, half green: small crops lie in one half, large ones see both."""
    images = torch.zeros(6, 3, 32, 32, dtype=torch.uint8)
    images[:, 0, :, :16] = 255
    images[:, 1, :, 16:] = 255
    traits = Traits(size=32, flip=False, min_crop=0.1)
    pool = rdc.from_tensors(images, torch.zeros(6, dtype=torch.long), ("all",), traits=traits)
    observer = observers.Observer((Colours(4.0),), "colours", exact)
    curve = cropping.entropy_curve({"halves": pool}, observer, (0.02, 1.0), repeats=10)
    means = curve.groupby("r")["entropy"].mean()
    assert means[0.02] < 0.25 < 0.6 < means[1.0]
    assert set(curve["set_hash"]) == {pool.fingerprint()}
