"""The explorers' pictures: a state in, a Figure out; no widgets, no pyplot; wrong states raise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from ...augment.boxes import cell_boxes
from ...augment.views import denormalised, draw_crops, make_view, shuffle_cells
from ...combine import combine
from ...data.imagesets import ImageSet
from ...ground.names import check_known
from ...ground.seeds import generator
from ...prune.recorders import Scores
from ...prune.selection import rank
from ..analyses.observers import Observer
from ..figures.base import FAMILY_COLOURS, PALETTE
from ..figures.names import GROUPING_TITLES, VIEWS, metric_title, shortened
from ..verdicts.metrics import shannon
from .canvas import Block, outline, paint, write

VIEWS_BY_TITLE = {VIEWS[view]: view for view in ("whole", "shuffle", "cell")}
DRAWS = 6  # views shown of a stored image; more make the observer slow at 224 px
COMPOSITES = 4  # shown at once
_LETTERS = 24  # of a class that fit into a title


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


def _ranked_rows(pool: ImageSet, scores: Scores, name: str) -> Tensor:
    """Positions int64 of a class's images in the pool, the easiest first.

    Raises:
        ValueError: the pool has no such class.
    """
    check_known("class", name, pool.classes)
    label = pool.classes.index(name)
    rows = pool.rows_of(label)
    return rows[rank(scores.aligned_to(pool).values[rows], generator(0, "select", label))]


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
    rows = _ranked_rows(pool, scores, name)
    if window[1] > len(rows):
        raise ValueError(f"class {name!r} has {len(rows)} images, got rank {window[1]}")
    ranks = chosen_ranks(window, grid**2)
    chosen = pool[rows[ranks - 1]]
    chosen = replace(chosen, labels=torch.zeros_like(chosen.labels), classes=(name,))
    combined = combine(chosen, grid, grouping)
    assert combined.members is not None
    first = [chosen.row_ids.tolist().index(row) for row in combined.members[0].tolist()]
    score, called = metric_title(scores.name), shortened(name, _LETTERS)
    originals = Block(
        f"In the first composite: {len(first)} of the {len(rows):,} images of {called!r}, by "
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


def draw_views(
    stored: ImageSet, index: int, view: str, low: float, cutout: float, flip: bool, draw: int
) -> Tensor:
    """DRAWS views of one stored image, normalised float32 [DRAWS, 3, S, S].

    Raises:
        ValueError: an unknown view, a number out of range, or no such image.
    """
    check_known("view", view, VIEWS_BY_TITLE)
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
    name = shortened(stored.classes[int(stored.labels[index])], _LETTERS)
    whole = Block(f"Stored: {name!r}", stored.images[[index]], side=224, cells=stored.grid)
    title = f"What the network sees: {DRAWS} views, {view}"
    notes += ["no flips: they change the label"] * (not stored.traits.flip)
    inks = [PALETTE[k] for k in (0, 1, 2, 3, 4, 9)]
    seen = denormalised(inputs, stored.traits).round().clamp(0, 255).to(torch.uint8)
    views = Block(title, seen, captions, side=146, columns=3, left=254, frames=inks)
    figure = paint([whole, views])
    _outline_crops(figure, whole, stored.size, boxes, inks)
    for k, note in enumerate(notes):
        write(figure, whole.left, whole.bottom + 12 + 18 * k, note, 8.5)
    return figure


def _outline_crops(
    figure: Figure,
    whole: Block,
    size: int,
    boxes: list[list[tuple[int, int, int, int]]],
    inks: list[str],
) -> None:
    """Frame the crops of each view on the stored image, in the view's colour, with its number."""
    scale = whole.side / size
    left, top = whole.corner(0)
    for k, parts in enumerate(boxes):
        for y, x, h, w in parts:
            outline(figure, left + scale * x, top + scale * y, scale * w, scale * h, inks[k])
        y, x = parts[0][:2]
        label = {"bbox": {"fc": inks[k], "ec": "none", "pad": 1}}
        write(figure, left + scale * x + 4, top + scale * y + 13, str(k + 1), 8, "white", **label)
