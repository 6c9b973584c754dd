"""Learning curves: accuracy against images per class, and how far the data say where it ends."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...data.checks import LEAVE_OUT
from ...data.imagesets import DataError, ImageSet

_DRAWS = 200  # bootstrap samples
_FEWEST = 4  # different numbers of images: one more than the curve has parameters
_POINTS = 5
GAIN = 1.0  # points of accuracy; twice the images for less than this is no gain worth having
_FAR = 4.0  # times the largest measured number: beyond, a curve only guesses
_BENT = 0.05  # p below which the law is doubted
_LOWER, _UPPER = (0.0, 0.0, 0.02), (100.0, 400.0, 4.0)  # of a, b, c


def ladder(pool: ImageSet, most: int) -> list[int]:
    """Five numbers of images per class for a curve, from 1 up in even ratios; of few images fewer.

    Args:
        pool: its smallest class bounds them.
        most: the largest, where the pool has that many.

    Raises:
        DataError: fewer than four numbers are possible.
    """
    smallest = int(pool.counts().argmin())
    top = min(most, int(pool.counts()[smallest]))
    if top < _FEWEST:
        apart = " besides those held out for testing" * ("holdout_share" in pool.provenance)
        raise DataError(
            f"a learning curve needs {_FEWEST} different numbers of images per class, and class "
            f"{pool.classes[smallest]!r} has {int(pool.counts()[smallest])} images{apart} (at most "
            f"{most} are asked): add images until it has {_FEWEST}, or {LEAVE_OUT}"
        )
    steps = np.unique(np.geomspace(1, top, _POINTS).round().astype(int))
    return list(range(1, _FEWEST + 1)) if len(steps) < _FEWEST else steps.tolist()


@dataclass(frozen=True, eq=False)
class Curve:
    """accuracy(ipc) = a - b ipc^-c, percent: it rises to a, faster for larger c.

    Attributes:
        ipcs: the numbers of images per class that were measured.
        fitted: float [3], a, b and c of all runs.
        draws: float [R, 3], of bootstrap samples.
        seeds: runs at each number, the fewest.
        misfit: p of an F-test for lack of fit, 0..1: small where the means of the runs bend away
            from the law by more than the runs differ among themselves.
    """

    ipcs: tuple[int, ...]
    fitted: np.ndarray
    draws: np.ndarray
    seeds: int
    misfit: float = 1.0

    def at(self, ipc: float | np.ndarray) -> np.ndarray:
        """Accuracy at a number of images per class, percent."""
        return _power(np.asarray(ipc, float), *self.fitted)

    def band(self, ipc: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Low and high end of the accuracy's 95 % interval."""
        values = np.stack([_power(np.asarray(ipc, float), *draw) for draw in self.draws])
        low, high = np.quantile(values, [0.025, 0.975], axis=0)
        return low, high

    def enough(self) -> tuple[float, float, float]:
        """Images per class from which on doubling them gains less than `GAIN` points.

        Returns:
            Of the fit, and the low and the high end of its 95 % interval.
        """
        ends = np.array([_enough(draw) for draw in self.draws])
        low, high = np.quantile(ends, [0.025, 0.975])
        return _enough(self.fitted), float(low), float(high)

    @property
    def is_fixed(self) -> bool:
        """Whether the data say where gains end: the whole interval is near what was measured."""
        return self.rises and self.enough()[2] <= _FAR * self.ipcs[-1]

    @property
    def rises(self) -> bool:
        """Whether more images helped at all: the rise's whole interval is above `GAIN`."""
        ends = np.array([self.ipcs[0], self.ipcs[-1]], float)
        gains = [np.diff(_power(ends, *draw)) for draw in self.draws]
        return bool(np.quantile(gains, 0.025) > GAIN)

    def reading(self) -> str:
        """What the curve says, in sentences made from its numbers."""
        bent = self.misfit < _BENT
        warning = " The points bend away from this law, so its intervals are too narrow." * bent
        return self._said() + warning

    def _said(self) -> str:
        most = self.ipcs[-1]
        low, high = self.band(2 * most)
        now, then = float(self.at(most)), float(self.at(2 * most))
        said = (
            f"The curve has {now:.1f} % at {most} images per class and expects {then:.1f} % "
            f"({low:.1f} to {high:.1f}) at {2 * most}"
        )
        end, least, last = (max(1, round(min(value, 1e9))) for value in self.enough())
        if self.is_fixed:
            return (
                f"{said}. From about {end:,} per class on ({least:,} to {last:,}), twice the "
                f"images gain less than {GAIN:g} point."
            )
        if not self.rises:
            return (
                f"{said}. These runs show no clear rise with more images: train longer, or give "
                "more seeds."
            )
        far = round(_FAR * most)
        limit = f"more than {far:,}" if least > far else f"{least:,} to more than {far:,}"
        return (
            f"{said}. These runs do not fix where gains end ({limit} per class): measure more "
            "images per class, or more seeds."
        )


def fit_curve(table: pd.DataFrame, samples: int = _DRAWS) -> Curve:
    """Fit a saturating power law, by least squares over all runs.

    The band is a parametric bootstrap: the mean at each number of images is drawn from a normal
    distribution as wide as its t-interval, and the law is fitted to these means. (Runs drawn with
    replacement differ too little.) Bands hold as far as the law does; see `Curve.misfit`.

    Coverage at twice the most images, simulated: law of a = 95, b = 60 and c = 0.8; 1, 3, 7, 19 and
    50 images; 800 studies. With an sd of 2 points the 95 % interval has the truth in 98 % of
    studies of 2 runs each, in 96 % of 3 (with replacement 82 and 87 %). With one that falls from 5
    to 0.5 in 99 and 98 % (83 and 87 %), that rises from 0.5 to 3 in 96 and 93 % (77 and 84 %).

    Args:
        table: tidy table of one arm, columns ipc, seed and top1.
        samples: of the bootstrap.

    Raises:
        DataError: fewer than four numbers of images, or one run at some of them.

    Source: power laws of learning curves: Hestness et al., arXiv 1712.00409.
    """
    groups = [part["top1"].to_numpy(float) for _, part in table.groupby("ipc")]
    ipcs = np.array(sorted(table["ipc"].unique()), float)
    if len(ipcs) < _FEWEST or min(map(len, groups), default=0) < 2:
        raise DataError(
            f"a curve needs at least {_FEWEST} different numbers of images per class and 2 runs at "
            f"each, got {len(ipcs)} and {min(map(len, groups), default=0)}: give more of them"
        )
    counts = list(map(len, groups))
    x = np.repeat(ipcs, counts)
    fitted = _fit(x, np.concatenate(groups), None)
    draws = [_fit(x, np.repeat(means, counts), fitted) for means in _drawn_means(groups, samples)]
    steps = tuple(int(n) for n in ipcs)
    misfit = _lack_of_fit(groups, _power(ipcs, *fitted))
    return Curve(steps, fitted, np.stack(draws), min(counts), misfit)


def _lack_of_fit(groups: list[np.ndarray], expected: np.ndarray) -> float:
    """p of the F-test of group means against a curve of three parameters."""
    from scipy import stats

    pairs = list(zip(groups, expected, strict=True))
    between = sum(len(v) * (v.mean() - at) ** 2 for v, at in pairs) / (len(groups) - 3)
    free = sum(map(len, groups)) - len(groups)
    within = sum(((v - v.mean()) ** 2).sum() for v in groups) / free
    return float(stats.f.sf(between / (within + 1e-6), len(groups) - 3, free))


def _drawn_means(groups: list[np.ndarray], samples: int) -> np.ndarray:
    """Means that these runs allow, float [samples, K], of K groups: 95 % in each t-interval.

    The spread of two or three runs says little, and often falls as images are added. So a group's
    variance is pooled with those of its neighbours, one on either side. Pooled over all groups, a
    spread that rises from 0.5 to 3 had the truth in 80 % of intervals, and one that falls in all.
    """
    from scipy import stats

    counts = np.array(list(map(len, groups)))
    squares = counts * [values.var() for values in groups]  # sums of squared deviations
    places = np.arange(len(groups))
    near = np.abs(places[:, None] - places) <= 1
    free = near @ (counts - 1)
    errors = np.sqrt(near @ squares / free / counts)
    stretch = stats.t.ppf(0.975, free) / stats.norm.ppf(0.975)
    means = np.array([values.mean() for values in groups])
    normal = np.random.default_rng(0).normal(size=(samples, len(groups)))
    return means + stretch * errors * normal


def _fit(x: np.ndarray, y: np.ndarray, start: np.ndarray | None) -> np.ndarray:
    from scipy import optimize  # imported late: it is slow

    if start is None:
        start = np.array([y.max() + 1, y.max() - y.min() + 1, 0.7])
    inside = np.clip(start, np.add(_LOWER, 1e-3), np.subtract(_UPPER, 1e-3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optimize.OptimizeWarning)  # of a covariance we do not use
        found, _ = optimize.curve_fit(_power, x, y, inside, bounds=(_LOWER, _UPPER), max_nfev=2000)
    return found


def _power(ipc: np.ndarray, a: float, b: float, c: float) -> np.ndarray:
    return a - b * ipc**-c


def _enough(abc: np.ndarray) -> float:
    """Where a - b (2 n)^-c exceeds a - b n^-c by `GAIN`."""
    _, b, c = abc
    return float((max(b, 1e-12) * (1 - 2.0**-c) / GAIN) ** (1 / c))
