"""Pictures of a scored pool: a range of a score, or what two scores disagree on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...data.imagesets import ImageSet
from ...ground.names import check_known
from ...ground.seeds import generator
from ...prune.recorders import Scores
from ..figures.base import FAMILY_COLOURS
from ..figures.names import metric_title
from .canvas import Block, new_figure, paint, place

SAMPLE = 16  # images shown from a range of scores
# Which images of a scored pool are shown: a key of `render_scores` -> its words.
PICKS = {
    "range": "in the range",
    "harder": "harder by the first score",
    "easier": "harder by the second score",
}
_DOTS = 3000  # of a scatter; more only take longer to draw


def render_scores(
    pool: ImageSet,
    scores: dict[str, Scores],
    score: str,
    percentiles: tuple[float, float] = (0.0, 10.0),
    against: str = "",
    draw: int = 0,
    pick: str = "range",
) -> Figure:
    """A score's histogram, its scatter against another score, and some of its images.

    Args:
        pool: that was scored.
        scores: by name.
        score: the score to show; against: another score, "" for none.
        percentiles: of the score's values, 0 = easiest, 100 = hardest; all ties are included.
        draw: seed of the sample of SAMPLE images; of two scores that disagree, which SAMPLE.
        pick: a key of PICKS; all but "range" are the images whose places in the two rankings
            differ most, and need `against`.

    Raises:
        ValueError: an unknown score or pick, or percentiles not in 0 <= low <= high <= 100.
    """
    for name in filter(None, (score, against)):
        check_known("score", name, scores)
    values = scores[score].aligned_to(pool).values.numpy()
    low, high = score_range(values, percentiles)
    inside = ((values >= low) & (values <= high)).nonzero()[0]
    if pick == "range":
        block = _sample(pool, values, inside, percentiles, draw)
    else:
        inside, block = _disagreeing(pool, scores, score, against, pick, draw)
    figure = new_figure(500)
    left = place(figure, 62, 24, 282, 165)
    counts, edges = np.histogram(values, 50)
    left.stairs(counts, edges, fill=True, color=FAMILY_COLOURS["pruning"])
    if pick == "range":
        left.axvspan(low, high, color=FAMILY_COLOURS["pca"], alpha=0.2, lw=0)
    left.set_xlabel(f"{metric_title(score)}, easy to hard")
    left.set_ylabel("images")
    left.locator_params(nbins=5)
    if against:
        _scatter(place(figure, 420, 24, 288, 165), scores, score, against, inside)
    return paint([block], figure, top=236)


def _sample(
    pool: ImageSet,
    values: np.ndarray,
    inside: np.ndarray,
    percentiles: tuple[float, float],
    draw: int,
) -> Block:
    """SAMPLE of the rows in a range of a score."""
    picked = inside[torch.randperm(len(inside), generator=generator(draw, "sample"))[:SAMPLE]]
    picked = picked[np.argsort(values[picked], kind="stable")]
    names = [pool.classes[k] for k in pool.labels[picked].tolist()]
    captions = [f"{n[:9]}: {v:.3g}" for n, v in zip(names, values[picked], strict=True)]
    title = (
        f"{len(picked)} of the {len(inside):,} images ({100 * len(inside) / len(values):.0f} %) "
        f"between percentile {percentiles[0]:g} and {percentiles[1]:g}, easiest first"
    )
    return Block(title, pool.images[picked], captions, colour=FAMILY_COLOURS["pca"])


def _disagreeing(
    pool: ImageSet, scores: dict[str, Scores], score: str, against: str, pick: str, draw: int
) -> tuple[np.ndarray, Block]:
    """The rows that two scores disagree on most, and their images."""
    check_known("pick", pick, PICKS)
    if not against or against == score:
        raise ValueError("two different scores are needed to disagree: choose another one")
    one, two = (pd.Series(scores[n].values.numpy()).rank(pct=True) * 100 for n in (score, against))
    gap = one - two if pick == "harder" else two - one
    order = np.argsort(-gap.to_numpy(), kind="stable")
    start = draw * SAMPLE % len(order)
    picked = order[start : start + SAMPLE]
    hard, easy = (score, against) if pick == "harder" else (against, score)
    names = [pool.classes[k] for k in pool.labels[picked].tolist()]
    captions = [f"{n[:7]}: {one[k]:.0f}, {two[k]:.0f}" for n, k in zip(names, picked, strict=True)]
    title = (
        f"Harder by {metric_title(hard)} than by {metric_title(easy)}, places {start + 1} to "
        f"{start + len(picked)}: percentile by {metric_title(score)}, by {metric_title(against)}"
    )
    return picked, Block(title, pool.images[picked], captions, colour=FAMILY_COLOURS["pca"])


def score_range(values: np.ndarray, percentiles: tuple[float, float]) -> tuple[float, float]:
    """Values at two percentiles; both are values of the score, not between two.

    Raises:
        ValueError: not 0 <= low <= high <= 100.
    """
    if not 0 <= percentiles[0] <= percentiles[1] <= 100:
        raise ValueError(f"percentiles must be 0 <= low <= high <= 100, got {percentiles}")
    low, high = np.percentile(values, percentiles, method="nearest")
    return float(low), float(high)


def _scatter(
    ax: Axes, scores: dict[str, Scores], score: str, against: str, inside: np.ndarray
) -> None:
    x, y = scores[score].values.numpy(), scores[against].values.numpy()
    dots = np.random.default_rng(0).permutation(len(x))[:_DOTS]
    marked = np.isin(dots, inside)
    for mask, family in ((~marked, "baseline"), (marked, "pca")):
        ax.plot(x[dots[mask]], y[dots[mask]], ".", ms=3, color=FAMILY_COLOURS[family], alpha=0.5)
    ax.locator_params(nbins=5)
    agree = pd.Series(x).corr(pd.Series(y), "spearman")
    ax.set_title(f"Spearman's rank correlation {agree:.2f}", fontsize=9)
    ax.set_xlabel(metric_title(score))
    ax.set_ylabel(metric_title(against))
