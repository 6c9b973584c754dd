"""Learning curves: known parameters come back, noise widens the band, too little is refused."""

import numpy as np
import pandas as pd
import pytest

import rdc_kit as rdc
from rdc_kit.data.holdout import hold_out
from rdc_kit.study.analyses.learning_curve import _drawn_means, fit_curve, ladder

from ...conftest import colour_blocks

IPCS = (1, 2, 5, 10, 20, 50)


def runs(a, b, c, noise=0.0, seeds=5, ipcs=IPCS):
    random = np.random.default_rng(0)
    rows = [(n, s, a - b * n**-c + noise * random.normal()) for n in ipcs for s in range(seeds)]
    return pd.DataFrame(rows, columns=["ipc", "seed", "top1"])


@pytest.mark.parametrize("abc", [(95, 60, 0.8), (70, 45, 0.4), (99, 30, 1.5)])
def test_the_parameters_come_back(abc):
    curve = fit_curve(runs(*abc), samples=10)
    assert curve.fitted == pytest.approx(abc, rel=1e-3)
    low, high = curve.band(100)
    assert high - low < 1e-3
    a, b, c = abc
    assert curve.at(100) == pytest.approx(a - b * 100**-c, abs=1e-3)
    end, *_ = curve.enough()
    assert curve.at(2 * end) - curve.at(end) == pytest.approx(1, abs=1e-3)


def test_the_band_widens_with_noise_and_away_from_the_data():
    widths = []
    for noise in (0.3, 1.0, 3.0):
        low, high = fit_curve(runs(95, 60, 0.8, noise)).band(np.array([20.0, 400.0]))
        widths.append(high - low)
    assert (np.diff(widths, axis=0) > 0).all()
    assert (np.array(widths)[:, 1] > np.array(widths)[:, 0]).all()


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    """Of two runs each, 20 studies: resampled runs, as it was, covered it in 15."""
    truth, hits = 95 - 60 * 40**-0.8, 0
    for k in range(20):
        table = runs(95, 60, 0.8, ipcs=(1, 2, 5, 10, 20), seeds=2)
        table["top1"] += np.random.default_rng(k).normal(scale=1.5, size=len(table))
        low, high = fit_curve(table, samples=40).band(40)
        hits += low <= truth <= high
    assert hits >= 18


def test_the_mean_of_few_runs_is_as_unsure_as_its_t_interval():
    """Two runs, 2 apart, in each group: sd sqrt(2), standard error 1; df 2 at the ends, else 3."""
    drawn = _drawn_means([np.array([49.0, 51.0])] * 4, 20_000)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    np.testing.assert_allclose(drawn.mean(0), 50, atol=0.1)
    np.testing.assert_allclose((high - low) / 2, [4.303, 3.182, 3.182, 4.303], rtol=0.03)


def test_a_spread_is_pooled_with_its_neighbours_and_no_others():
    """Squares 8 and 2, of 3 runs each, at the first two; the third's neighbour spreads by 2."""
    groups = [np.array([48.0, 50, 52]), np.array([59.0, 60, 61]), *[np.full(3, 70.0)] * 2]
    widths = np.std(_drawn_means(groups, 20_000), axis=0)
    by_hand = [2.776 * (10 / 4) ** 0.5, 2.447 * (10 / 6) ** 0.5, 2.447 * (2 / 6) ** 0.5, 0]
    np.testing.assert_allclose(widths, np.array(by_hand) / 1.96 / 3**0.5, rtol=0.03)


def test_it_says_where_gains_end_or_that_the_data_do_not_fix_it():
    clear = fit_curve(runs(95, 60, 1.0, 0.2))
    assert clear.is_fixed
    assert "From about 30 per class on" in clear.reading()
    steep = fit_curve(runs(90, 70, 0.3, 0.2))
    assert not steep.is_fixed
    assert "These runs do not fix where gains end (more than 200 per class)" in steep.reading()
    noisy = fit_curve(runs(95, 60, 0.4, 5.0, seeds=2, ipcs=(1, 2, 4, 8)))
    assert not noisy.is_fixed
    assert "do not fix" in noisy.reading()


def test_a_flat_curve_is_called_flat_and_not_enough():
    flat = fit_curve(runs(30, 0.5, 1.0, 2.0, seeds=3))
    assert not flat.is_fixed
    assert "no clear rise with more images" in flat.reading()


def test_points_that_bend_away_from_the_law_are_named():
    straight = fit_curve(runs(95, 60, 1.0, 1.0), samples=10)
    assert straight.misfit > 0.05
    assert "bend away" not in straight.reading()
    table = runs(95, 60, 1.0, 1.0)
    table["top1"] += 5 * np.sin(2 * np.log(table["ipc"]))
    bent = fit_curve(table, samples=10)
    assert bent.misfit < 0.001
    assert bent.reading().endswith("so its intervals are too narrow.")


def test_too_few_points_are_refused_in_one_sentence():
    with pytest.raises(rdc.DataError, match="got 3 and 5: give more of them"):
        fit_curve(runs(95, 60, 0.8, ipcs=(1, 2, 5)))
    with pytest.raises(rdc.DataError, match="got 6 and 1"):
        fit_curve(runs(95, 60, 0.8, seeds=1))


def test_the_ladder_is_even_and_bounded_by_the_smallest_class():
    pool = colour_blocks(per_class=20)
    assert ladder(pool, 20) == [1, 2, 4, 9, 20]
    assert ladder(pool, 500) == [1, 2, 4, 9, 20]
    assert ladder(pool, 5) == [1, 2, 3, 5]
    assert ladder(pool, 4) == [1, 2, 3, 4]
    with pytest.raises(
        rdc.DataError, match=r"class '0' has 3 images \(at.* until it has 4, or .*move its folder"
    ):
        ladder(colour_blocks(per_class=3), 20)
    rest, _ = hold_out(colour_blocks(per_class=4))
    with pytest.raises(rdc.DataError, match=r"class '0' has 3 images besides those held out for t"):
        ladder(rest, 20)
