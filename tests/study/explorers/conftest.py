"""A pool whose difficulties are known, and what explorers show of it."""

import pandas as pd
import pytest
import torch

import rdc_kit as rdc
from rdc_kit.study.explorers import canvas, renders, scored

from ...conftest import colour_blocks


@pytest.fixture
def live(monkeypatch):
    monkeypatch.setenv("RDC_INTERACTIVE", "1")


@pytest.fixture
def pool():
    return colour_blocks(per_class=20, classes=3, size=16)


@pytest.fixture
def scores(pool):
    """Row k of the pool has difficulty 100 - k: the last images of a class are the easiest."""
    return rdc.Scores("el2n", 100 - torch.arange(len(pool)).float(), pool.row_ids)


class Doubtful:
    """An observer whose logits are the mean of each channel."""

    name = "mean colour"

    def logits(self, inputs, traits):
        return inputs.mean((2, 3))


@pytest.fixture
def blocks_painted(monkeypatch):
    """The blocks that a render hands to the painter, and the pixels that come of them."""
    seen = []
    original = canvas.paint

    def paint(blocks, *where, **more):
        seen[:] = blocks
        return original(blocks, *where, **more)

    for module in (renders, scored):
        monkeypatch.setattr(module, "paint", paint)
    return seen


def texts(figure):
    return [t.get_text() for part in (figure, *figure.axes) for t in part.texts]


def some_runs():
    rows = [
        (method, family, labels, ipc, top1 + seed)
        for method, family, base in (("random", "baseline", 30), ("pca", "pca", 40))
        for labels, more in (("hard", 0), ("soft", 20))
        for ipc, top1 in ((1, base + more - 10), (10, base + more))
        for seed in (0, 2)
    ]
    table = pd.DataFrame(rows, columns=["method", "family", "labels", "ipc", "top1"])
    same = {"dataset": "blocks", "size": 16, "student": "convnet2-w8", "image_bytes": 1000}
    table = table.assign(**same, arm=table["method"], protocol=table["labels"])
    return table.assign(label_bytes=100, seconds=2.0)


def published_numbers():
    rows = [("pca", "hard", "10", 22.8, "second-hand"), ("random", "hard", "10", 4.6, "exact")]
    table = pd.DataFrame(rows, columns=["method", "labels", "ipc", "top1", "status"])
    return table.assign(dataset="imagenet-1k")
