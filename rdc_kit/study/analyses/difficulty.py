"""A look at difficulty scores: how far they agree, and how many images have equal scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from torch import Tensor

from ...data.imagesets import ImageSet
from ...prune.recorders import Scores
from ...prune.selection import tie_mass


def agreement(scores: dict[str, Scores]) -> pd.DataFrame:
    """Spearman's rank correlation between scores, 1 where they order the images in the same way.

    Args:
        scores: from `dynamics`, of the same pool.
    """
    columns = {name: one.values.numpy() for name, one in scores.items()}
    return pd.DataFrame(columns).corr("spearman")


def ties(scores: dict[str, Scores], pool: ImageSet, per_class: Sequence[int]) -> pd.DataFrame:
    """Share of a class that ties with the image at the cut, mean over classes.

    Selection chooses at random among these images.

    Args:
        scores: of the pool, by name.
        pool: for the classes.
        per_class: images kept of each class; each number is a column.

    Returns:
        A row per score and end ("easy", "hard"), fractions 0..1; 0 where nothing ties.
    """
    shares = {
        (name, end): [_tied_share(sign * one.values, pool, keep) for keep in per_class]
        for name, one in scores.items()
        for end, sign in (("easy", 1), ("hard", -1))
    }
    table = pd.DataFrame(shares, index=pd.Index(list(per_class), name="per class")).T
    return table.rename_axis(["metric", "order"])


def _tied_share(values: Tensor, pool: ImageSet, keep: int) -> float:
    classes = [values[pool.rows_of(label)] for label in range(pool.num_classes)]
    return float(np.mean([tie_mass(own, own.sort().values[keep - 1]) for own in classes]))


def ends(
    pool: ImageSet, scores: Scores, names: Sequence[str], each: int = 4, classes: int = 10
) -> pd.DataFrame:
    """The easiest and the hardest images of each class.

    Args:
        pool: the images.
        scores: their difficulty.
        names: of the images, see `origins.names_of`.
        each: images of each end; fewer of a class that has not twice as many.
        classes: how many at most; of more, those whose images are hardest on average.

    Returns:
        Columns class, end ("easy" or "hard"), place (1 is the outermost), score, file, position.
    """
    values = scores.aligned_to(pool).values.numpy()
    rows = [pool.rows_of(label).numpy() for label in range(pool.num_classes)]
    means = [values[own].mean() if len(own) else -np.inf for own in rows]
    lines = []
    for label in sorted(np.argsort(means)[::-1][:classes]):
        ranked = rows[label][values[rows[label]].argsort(kind="stable")]
        half = min(each, len(ranked) // 2)
        for end, outer in (("easy", ranked[:half]), ("hard", ranked[::-1][:half])):
            for place, k in enumerate(outer.tolist(), 1):
                lines.append((pool.classes[label], end, place, float(values[k]), names[k], k))
    return pd.DataFrame(lines, columns=["class", "end", "place", "score", "file", "position"])
