"""Images with doubtful labels: the given label, the one that a network sees, and how sure it is."""

from __future__ import annotations

import textwrap

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ...data.imagesets import ImageSet
from ...data.loading import to_look_at
from .base import PALETTE, show_image

_COLUMNS = 6
_WIDE = 18  # letters in a line


def doubts_figure(pool: ImageSet, table: pd.DataFrame, most: int = 18) -> Figure:
    """The most doubtful images, the given class in black above the one that is seen.

    Args:
        pool: the set that was judged.
        table: of `analyses.doubts.named_doubts`.
        most: images at most.
    """
    shown = table[table["doubtful"]].head(most)
    wide = min(_COLUMNS, max(1, len(shown)))
    lines = max(1, -(-len(shown) // wide))
    figure, axes = plt.subplots(lines, wide, figsize=(1.45 * wide, 1.95 * lines), squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    pictures = to_look_at(pool[shown["position"].tolist()])
    for ax, row, pixels in zip(axes.flat, shown.to_dict("records"), pictures, strict=False):
        show_image(ax, pixels)
        ax.set_title(
            f"given: {_short(row['given'])}", fontsize=7.5, loc="center", color="#333333", pad=3
        )
        said = f"seen: {_short(row['seen'])}\n{row['sure']:.0f} % sure"
        ax.text(
            0.5,
            -0.05,
            said,
            transform=ax.transAxes,
            ha="center",
            va="top",
            size=7.5,
            color=PALETTE[3],
        )
    if shown.empty:
        axes[0, 0].text(0, 0.5, "no label is doubtful", size=9, va="center")
        return figure
    total = int(table["doubtful"].sum())
    part = f"the first {len(shown)} of " * (len(shown) < total)
    title = f"labels in doubt: {part}{total:,}"
    # No longer than the pictures are wide: a title of one image may not widen the figure.
    figure.suptitle(textwrap.fill(title, 22 * wide), x=0.01, ha="left", fontsize=9)
    return figure


def _short(name: str) -> str:
    return textwrap.shorten(name.replace("_", " "), _WIDE, placeholder="…")
