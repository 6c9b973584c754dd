"""The explorers' pictures: a state in, a Figure out; no widgets, no pyplot; wrong states raise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ...augment.boxes import cell_boxes
from ...augment.views import draw_crops, make_view, shuffle_cells
from ...combine import combine
from ...data.imagesets import ImageSet
from ...ground.seeds import generator
from ...prune.recorders import Scores
from ...prune.selection import rank
from ..analyses.observers import Observer
from ..figures.base import FAMILY_COLOURS, PALETTE
from ..figures.names import GROUPING_TITLES, VIEWS, metric_title
from ..verdicts.metrics import shannon
from .canvas import Block, new_figure, outline, paint, place, write

VIEWS_BY_TITLE = {VIEWS[view]: view for view in ("whole", "shuffle", "cell")}
DRAWS = 6  # views shown of a stored image; more make the observer slow at 224 px
COMPOSITES = 4  # shown at once
SAMPLE = 16  # images shown from a range of scores
# Which images of a scored pool are shown: a key of `render_scores` -> its words.
PICKS = {
    "range": "in the range",
    "harder": "harder by the first score",
    "easier": "harder by the second score",
}
_DOTS = 3000  # of a scatter; more only take longer to draw


def chosen_ranks(window: tuple[int, int], cells: int) -> Tensor:
    """Ranks [n * cells], spread evenly over a window, for n composites.

    n is the number that the window has ranks for, but at most COMPOSITES.

    Args:
        window: first and last rank, from 1.
        cells: number of cells of a composite.

    Raises:
        ValueError: the window has fewer ranks than one composite has cells.
    """
    wide = window[1] - window[0] + 1
    count = min(wide // cells, COMPOSITES)
    if count < 1 or window[0] < 1:
        raise ValueError(
            f"ranks {window[0]} to {window[1]} are {wide}, a composite needs {cells}: choose more"
        )
    if count * cells == 1:
        return torch.tensor([window[0]])
    return torch.linspace(window[0], window[1], count * cells, dtype=torch.float64).round().long()


def render_composite(
    pool: ImageSet,
    scores: Scores,
    name: str,
    window: tuple[int, int],
    grid: int = 2,
    grouping: str = "rank_block",
) -> Figure:
    """The originals at some ranks of a class, and the composites that they make.

    Args:
        pool: to choose from.
        scores: of the pool.
        name: of the class.
        window: first and last rank, 1 = easiest; see `chosen_ranks`.
        grid: cells per side.
        grouping: see `combine`.

    Raises:
        ValueError: an unknown class or grouping, or a window with too few or too high ranks.
    """
    if name not in pool.classes:
        raise ValueError(f"no class {name!r}: use one of {', '.join(pool.classes)}")
    label = pool.classes.index(name)
    rows = pool.rows_of(label)
    if window[1] > len(rows):
        raise ValueError(f"class {name!r} has {len(rows)} images, got rank {window[1]}")
    ranks = chosen_ranks(window, grid**2)
    order = rank(scores.aligned_to(pool).values[rows], generator(0, "select", label))
    chosen = pool[rows[order[ranks - 1]]]
    chosen = replace(chosen, labels=torch.zeros_like(chosen.labels), classes=(name,))
    combined = combine(chosen, grid, grouping)
    assert combined.members is not None
    first = [chosen.row_ids.tolist().index(row) for row in combined.members[0].tolist()]
    score = metric_title(scores.name)
    originals = Block(
        f"In the first composite: {len(first)} of the {len(rows):,} images of {_short(name)}, by "
        f"{score} (rank 1 = easiest)",
        chosen.images[torch.tensor(first)],
        [f"rank {int(ranks[k])}" for k in first],
        colour=FAMILY_COLOURS["pruning"],
    )
    composites = Block(
        f"Ranks {window[0]} to {window[1]}, {GROUPING_TITLES[grouping]}: {len(chosen)} originals "
        f"in the storage of {len(combined)}, {pool.size} px each, {grid} x {grid} cells",
        combined.images,
        side=168,
        columns=COMPOSITES,
        top=originals.bottom + 4,
        cells=grid,
        colour=FAMILY_COLOURS["pca"],
    )
    return paint([originals, composites])


def _short(name: str) -> str:
    """A class name of a length that fits into a title."""
    return repr(name if len(name) <= 24 else name[:23] + "…")


def draw_views(
    stored: ImageSet, index: int, view: str, low: float, cutout: float, flip: bool, draw: int
) -> Tensor:
    """DRAWS views of one stored image, normalised float32 [DRAWS, 3, S, S].

    Raises:
        ValueError: an unknown view, a number out of range, or no such image.
    """
    if view not in VIEWS_BY_TITLE:
        raise ValueError(f"unknown view {view!r}: use one of {', '.join(VIEWS_BY_TITLE)}")
    if not 0 <= index < len(stored):
        raise ValueError(f"the set has {len(stored)} images, counted from 0, got image {index}")
    see = make_view(
        stored.traits,
        stored.size,
        VIEWS_BY_TITLE[view],
        stored.grid,
        (low, 1.0),
        flip=flip,
        cutout=cutout,
    )
    batch = stored.images[index : index + 1].expand(DRAWS, -1, -1, -1)
    labels = stored.labels[index : index + 1].expand(DRAWS)
    return see(batch, labels, generator(draw, "explore"))[0]


def draw_boxes(
    stored: ImageSet, index: int, view: str, low: float, flip: bool, draw: int
) -> tuple[list[list[tuple[int, int, int, int]]], list[bool]]:
    """Where the views of `draw_views` lie on the stored image, and which of them are mirrored.

    Returns:
        For each view its boxes (top, left, height, width; pixels): one, or several where the crop
        spans cells that were shuffled.
    """
    draws, cells = generator(draw, "explore"), cell_boxes(stored.size, stored.grid)
    ids = torch.empty(DRAWS, 1, stored.size, stored.size, dtype=torch.int64)
    for k, (y, x, h, w) in enumerate(cells.tolist()):
        ids[..., y : y + h, x : x + w] = k
    kind = VIEWS_BY_TITLE[view]
    if kind == "shuffle":
        ids = shuffle_cells(ids, stored.grid, draws)
    inside = stored.grid if kind == "cell" else (1, 1)
    crops, mirrored = draw_crops(ids, inside, (low, 1.0), flip and stored.traits.flip, draws)
    boxes = []
    for places, crop in zip(ids, crops.tolist(), strict=True):
        sources = [int(places[0, y + h // 2, x + w // 2]) for y, x, h, w in cells.tolist()]
        shuffled = sources != [*range(len(cells))]
        boxes.append(_pieces(crop, cells.tolist(), sources) if shuffled else [tuple(crop)])
    return boxes, mirrored.tolist() if mirrored is not None else [False] * DRAWS


def _pieces(
    crop: list[int], cells: list[list[int]], sources: list[int]
) -> list[tuple[int, int, int, int]]:
    """The parts of a crop, one per cell that it touches, where that cell's pixels came from.

    Args:
        crop: box on the shuffled image. cells: boxes of the places.
        sources: the place that the pixels of each place came from.
    """
    pieces = []
    for (y, x, h, w), source in zip(cells, sources, strict=True):
        top, left = max(y, crop[0]), max(x, crop[1])
        high, wide = min(y + h, crop[0] + crop[2]) - top, min(x + w, crop[1] + crop[3]) - left
        if high > 0 and wide > 0:
            pieces.append((cells[source][0] + top - y, cells[source][1] + left - x, high, wide))
    return pieces


def render_views(
    stored: ImageSet,
    index: int = 0,
    view: str = "extracted",
    low: float = 0.5,
    cutout: float = 0.0,
    flip: bool = True,
    draw: int = 0,
    observer: Observer | None = None,
) -> Figure:
    """A stored image with the crops of its views, the views, and the observer's entropy in nats.

    Args:
        stored: the set; index: which image of it.
        view: a key of VIEWS_BY_TITLE.
        low: smallest area of a crop, as a fraction of the image or of the cell.
        cutout: side of the square that Cutout removes, as a fraction of the view's side.
        flip: mirror half of the views, where the set allows it.
        draw: seed of the draw.
        observer: its entropy is written under each view, and the mean at the left.

    Raises:
        ValueError: see `draw_views`.
    """
    inputs = draw_views(stored, index, view, low, cutout, flip, draw)
    boxes, mirrored = draw_boxes(stored, index, view, low, flip, draw)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (stored.traits.mean, stored.traits.std))
    seen = ((inputs * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)
    captions = [f"{k + 1}{', mirrored' * turned}" for k, turned in enumerate(mirrored)]
    rows, columns = stored.grid
    notes = [f"{stored.size} px, {rows} x {columns} cells; frames: the crops"]
    if observer is not None:
        answers = observer.logits(inputs, stored.traits)
        doubts = shannon(answers).tolist()
        captions = [f"{c}: {doubt:.3f} nats" for c, doubt in zip(captions, doubts, strict=True)]
        notes += [
            f"mean entropy {np.mean(doubts):.3f} nats",
            f"(0: certain; {np.log(answers.shape[1]):.2f}: all classes alike)",
            f"observer: {observer.name[:40]}",
        ]
    name = _short(stored.classes[int(stored.labels[index])])
    whole = Block(f"Stored: {name}", stored.images[[index]], side=224, cells=stored.grid)
    title = f"What the network sees: {DRAWS} views, {view}"
    if flip and not stored.traits.flip:
        title += " (not flipped: that would change the label)"
    inks = [PALETTE[k] for k in (0, 1, 2, 3, 4, 9)]
    views = Block(title, seen, captions, side=146, columns=3, left=254, frames=inks)
    figure = paint([whole, views])
    scale = whole.side / stored.size
    left, top = whole.corner(0)
    for k, parts in enumerate(boxes):
        for y, x, h, w in parts:
            outline(figure, left + scale * x, top + scale * y, scale * w, scale * h, inks[k])
        y, x = parts[0][:2]
        label = {"bbox": {"fc": inks[k], "ec": "none", "pad": 1}}
        write(figure, left + scale * x + 4, top + scale * y + 13, str(k + 1), 8, "white", **label)
    for k, note in enumerate(notes):
        write(figure, whole.left, whole.bottom + 12 + 18 * k, note, 8.5)
    return figure


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
        if name not in scores:
            raise ValueError(f"no score {name!r}: use one of {', '.join(scores)}")
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
    if pick not in PICKS:
        raise ValueError(f"unknown pick {pick!r}: use one of {', '.join(PICKS)}")
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
