"""The kit's look for every figure, and tables to draw."""

import numpy as np
import pandas as pd
import pytest

from rdc_kit.study.figures.base import use_style


@pytest.fixture(autouse=True)
def look():
    use_style()


@pytest.fixture
def table():
    """Two methods, two ipcs, hard and soft, three seeds; pca is missing at ipc 10, soft."""
    rows = []
    for method, family, lift in (("random", "baseline", 0), ("pca", "pca", 7)):
        for ipc in (1, 10):
            for labels in ("hard", "soft"):
                if (method, ipc, labels) == ("pca", 10, "soft"):
                    continue
                rows += [
                    (method, family, ipc, labels, labels, seed, 20 + ipc + lift + seed**2, 300)
                    for seed in range(3)
                ]
    names = ["method", "family", "ipc", "labels", "protocol", "seed", "top1", "epochs"]
    facts = {"dataset": "blocks", "size": 16, "student": "convnet2-w8", "image_bytes": 5000}
    facts |= {"per_class": "1 2 3 4 5"}
    found = pd.DataFrame(rows, columns=names).assign(arm=lambda t: t["method"], **facts)
    return found.assign(label_bytes=np.where(found["labels"] == "hard", 10, 9000))


def markers(ax):
    """x, y and face colour of every marker that stands for a number."""
    lines = [c.lines[0] for c in ax.containers if c.lines]
    return [(x, y, line.get_mfc()) for line in lines for x, y in line.get_xydata()]


def arm_rows(values, ipc=1, **facts):
    """Tidy rows: key of an arm -> (its columns, accuracies, one per seed)."""
    usual = {"family": "pca", "order": "easy", "metric": "el2n", "grid": "2x2", "view": "cell"}
    usual |= {"grouping": "rank_block", "pool": "", "budget": ipc, "ipc": ipc, "labels": "hard"}
    usual |= {"dataset": "blocks", "size": 16, "epochs": 3, "student": "convnet2-w8"}
    usual |= {"per_class": "1 2 3", "protocol": "hard"}
    return pd.DataFrame(
        [
            {"arm": key, "method": key.split()[0], **usual, **columns, **facts}
            | {"seed": seed, "top1": float(value)}
            for key, (columns, line) in values.items()
            for seed, value in enumerate(line)
        ]
    )


def is_beside(legend, ax):
    """Whether a legend is right of its axes, where it hides no line."""
    ax.figure.draw_without_rendering()
    return legend.get_window_extent().x0 >= ax.get_window_extent().x1


def all_text(figure):
    """Everything that a figure says."""
    said = [figure.get_suptitle()]
    for ax in figure.axes:
        said += [ax.get_title(), ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()]
        said += [text.get_text() for text in ax.texts]
        said += [label.get_text() for label in [*ax.get_yticklabels(), *ax.get_xticklabels()]]
    return "\n".join(said)
