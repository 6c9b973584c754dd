"""What all figures share: style, marks, images, lines, captions."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import torch
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ...augment.boxes import cell_boxes
from ...data.imagesets import ImageSet
from .names import network_title, shortened, source_title

# seaborn's "colorblind" palette, written out: to import seaborn takes a second.
PALETTE = (
    *("#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc"),
    *("#ca9161", "#fbafe4", "#949494", "#ece133", "#56b4e9"),
)
DARK_BLUE = "#013a5b"  # beside the blue of pruning, of what is pruned to the hardest
FAMILY_COLOURS = {
    "baseline": "#777777",
    "pruning": PALETTE[0],
    "pca": PALETTE[3],
    "distillation-noise": PALETTE[4],
    "distillation-real": PALETTE[1],
}
# Behind a text that would else be struck through by a line.
NUMBER: dict[str, Any] = {
    "bbox": {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.3}
}
_MARKERS = "oDs^vPX<>ph*d"  # as many as the kit has methods
CHANCE_ROOM = 0.6  # of a row, below the last one
_IPC_MARKERS = {1: "o", 10: "D", 50: "s", 100: "^"}  # the field's usual numbers
STYLE = str(Path(__file__).with_name("rdc.mplstyle"))


# Where one of these is installed, it draws what DejaVu Sans lacks.
_MORE_LETTERS = (
    *("Noto Sans CJK JP", "Noto Sans CJK SC", "Source Han Sans", "WenQuanYi Zen Hei"),
    *("Microsoft YaHei", "Yu Gothic", "PingFang SC", "Hiragino Sans", "Malgun Gothic"),
)


def use_style() -> None:
    """Use the kit's style for all later figures; class names may have letters of any script."""
    plt.style.use(STYLE)
    installed = set(font_manager.get_font_names())
    more = [name for name in _MORE_LETTERS if name in installed]
    plt.rcParams["font.family"] = ["DejaVu Sans", *more]
    warnings.filterwarnings("once", "Glyph .* missing from font")  # not once for each figure


@contextmanager
def styled() -> Iterator[None]:
    """The kit's style for figures that are drawn inside; afterwards the caller's own is back."""
    with plt.rc_context():
        use_style()
        yield


def family_colour(family: str) -> str:
    """The colour of a family of methods; dark grey of one that the kit does not know."""
    return FAMILY_COLOURS.get(family, "#333333")


def marker(k: int) -> str:
    """The marker of the k-th line, counted from 0; after the last one they begin again."""
    return _MARKERS[k % len(_MARKERS)]


def ipc_markers(ipcs: Iterable[int]) -> dict[int, str]:
    """Images per class -> marker, in ascending order; of 1, 10, 50, 100 the same in every figure.

    Other numbers have the shapes that are left, one after the other; then these begin again.
    """
    left = [mark for mark in _MARKERS if mark not in _IPC_MARKERS.values()]
    asked = sorted({int(ipc) for ipc in ipcs})
    others = [ipc for ipc in asked if ipc not in _IPC_MARKERS]
    marks = {ipc: left[k % len(left)] for k, ipc in enumerate(others)} | _IPC_MARKERS
    return {ipc: marks[ipc] for ipc in asked}


def show_images(rows: dict[str, ImageSet], columns: int = 10, title: str = "") -> Figure:
    """A contact sheet: one line of images per set, with the borders of a composite's cells.

    Args:
        rows: line title -> set; the first `columns` images of each are shown.
        columns: images per line.
        title: of the whole figure; made from what the sets say of themselves when left out.
    """
    figure, axes = plt.subplots(
        len(rows), columns, figsize=(0.8 * columns, 0.98 * len(rows) + 0.5), squeeze=False
    )
    classes = _columns_classes(list(rows.values()), columns)
    for place, (line, (name, images)) in enumerate(zip(axes, rows.items(), strict=True)):
        for k, ax in enumerate(line):
            ax.set_axis_off()
            if place == 0 and classes[k]:
                ax.set_title(classes[k], fontsize=7, loc="center", pad=2)
            if k >= len(images):
                continue
            show_image(ax, images.images[k])
            if images.grid != (1, 1):
                for y, x, high, wide in cell_boxes(images.size, images.grid).tolist():
                    ax.add_patch(
                        Rectangle((x - 0.5, y - 0.5), wide, high, fill=False, ec="white", lw=0.8)
                    )
        # A title, unlike a text, takes room above its image but none beside it.
        room = "\n" if place == 0 and any(classes) else ""
        line[0].set_title(name + room, fontsize=8.5, loc="left", pad=2)
    title = title or _sheet_title(list(rows.values()), columns)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    return figure


def _sheet_title(sets: list[ImageSet], columns: int) -> str:
    """What a sheet shows: "digits, 32 px: one image per class, 8 of 10 classes"."""
    sources = {source_title(str(one.provenance.get("source", "?"))): None for one in sets}
    sizes = {f"{one.size} px": None for one in sets}
    shown = [one.labels[:columns].tolist() for one in sets]
    most = max(map(len, shown))
    told = f"the first {most} images of each line"
    if all(len(set(labels)) == len(labels) for labels in shown):
        told = f"one image per class{some_classes(most, sets[0].num_classes)}"
    return f"{', '.join([*sources, *sizes])}: {told}"


def some_classes(shown: int, there: int) -> str:
    """Words for a title, where fewer classes are shown than there are: ", 8 of 10 classes"."""
    return f", {shown} of {there} classes" if shown < there else ""


def _columns_classes(sets: list[ImageSet], columns: int) -> list[str]:
    """The class name of each column, "" where its images are of several classes or there is one."""
    found = [
        {images.classes[int(images.labels[k])] for images in sets if k < len(images)}
        for k in range(columns)
    ]
    names = [names.pop() if len(names) == 1 else "" for names in found]
    several = len(set(names)) > 1
    return [shortened(name, 12) if several else "" for name in names]


def show_image(ax: Axes, pixels: torch.Tensor) -> None:
    """Draw one image [3, H, W]: uint8, or float in 0..255."""
    ax.imshow(pixels.clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy())
    ax.set_axis_off()


def first_of_each_class(images: ImageSet) -> ImageSet:
    """The first stored image of every class: in a ranked set, the first of each ranking."""
    return images[torch.stack([images.rows_of(k)[0] for k in range(images.num_classes)])]


def plot_line(
    ax: Axes, table: pd.DataFrame, x: str, colour: str, label: str, style: str = "o-"
) -> None:
    """Mean accuracy against a column, with a band of ± 1 sd over seeds.

    Args:
        ax: where to draw.
        table: the rows of one line.
        x: column of the horizontal axis.
        colour, label, style: of the line.
    """
    summary = table.groupby(x)["top1"].agg(["mean", "std"])
    ax.plot(summary.index, summary["mean"], style, color=colour, ms=4, label=label)
    low, high = summary["mean"] - summary["std"], summary["mean"] + summary["std"]
    ax.fill_between(summary.index, low, high, color=colour, alpha=0.15, lw=0)


def legend_beside(ax: Axes, **how: Any) -> None:
    """The legend right of the axes, where it hides nothing and no result moves it."""
    ax.legend(**{"fontsize": 7.5} | how, loc="center left", bbox_to_anchor=(1, 0.5))


def log_axis(ax: Axes, ticks: Iterable[float]) -> None:
    """Make the horizontal axis logarithmic, with just these ticks."""
    ax.set_xscale("log")
    ax.set_xticks([*ticks], [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()


def caption(table: pd.DataFrame, *, labels: bool = False, student: bool = True) -> str:
    """What is the same in all rows of a table: dataset, size, ipc, labels, epochs, network.

    Args:
        table: tidy table; a column with several values is left out.
        labels: include the kind of labels.
        student: include the network.
    """
    facts = table.iloc[0]
    forms = {"dataset": "{}", "size": "{} px", "ipc": "{} per class"}
    forms |= {"labels": "{} labels"} if labels else {}
    forms |= {"epochs": "{} epochs"} | ({"student": "{}"} if student else {})
    same = [name for name in forms if name in table and table[name].nunique() == 1]
    titles = {"dataset": source_title, "student": network_title}
    told = {name: titles.get(name, lambda value: value)(facts[name]) for name in same}
    return ", ".join(forms[name].format(told[name]) for name in same)


def seeds_note(table: pd.DataFrame, spread: str = "band: ± 1 sd") -> str:
    """How many seeds a figure shows, what they share, and what its bands or bars are, if any.

    Of the sets it says "most" or "some" where that holds for some arms only: random images are
    always drawn anew. Sets are equal where their seeds or, if known, their hashes are.
    """
    seeds = table["seed"].nunique()
    layers = {"scoring_seed": "scoring run", "teacher_seed": "teacher"}
    shared = [w for c, w in layers.items() if c in table and table[c].nunique() == 1 < seeds]
    share = _one_set(table).mean()
    if share > 0:
        shared.append("sets" if share == 1 else "most sets" if share > 0.5 else "some sets")
    n = f"n = {seeds} seed{'s' * (seeds != 1)}"
    n += f" (shared: {', '.join(shared)})" if shared else ""
    return n + (f"; {spread}" if spread and seeds > 1 else "")


def _one_set(table: pd.DataFrame) -> pd.Series:
    """Of each arm and ipc of several seeds, whether they are all of one set."""
    keys = [key for key in ("arm", "ipc") if key in table]
    columns = [name for name in ("set_seed", "set_hash") if name in table]
    counts = table.groupby(keys)[["seed", *columns]].nunique()
    return (counts.loc[counts["seed"] > 1, columns] == 1).any(axis=1)


def mark_chance(ax: Axes, guess: float) -> None:
    """A dotted line at the accuracy of guessing, percent, with its name below the last row.

    Args:
        ax: with a row at 0, 1, 2 and so on, from above, and its limits set.
        guess: percent.
    """
    ax.axvline(guess, color="#333333", ls=":", lw=1)
    # All accuracies may be below it; a text outside the axes leaves a figure no room for them.
    ax.set_xlim(right=max(ax.get_xlim()[1], 1.15 * guess))
    below = ax.get_ylim()[0]  # a line of its own, so that the name hides no mark
    ax.set_ylim(bottom=below + CHANCE_ROOM)
    name = ax.text(guess, below + CHANCE_ROOM / 2, " chance", size=7.5, va="center", **NUMBER)
    name.set_zorder(2.2)  # above lines, below the axis


def tests_note(table: pd.DataFrame) -> str:
    """On how many test images a table's accuracies are; "" where it does not say one number."""
    if "tests" not in table or table["tests"].nunique() != 1:
        return ""
    return f"{int(table['tests'].iloc[0]):,} test images"
