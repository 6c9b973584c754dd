"""Exercises that ask for an algorithm of the paper in a few lines, compared with the kit's own.

Every check takes the reader's answer and what the exercise hands over. It raises `NotYet` with a
hint, or returns what the reader was asked to predict.
"""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ..augment.boxes import cell_boxes, random_crops
from ..combine import paste
from ..ground.seeds import generator
from ..prune.recorders import Forgetting, error_norm
from ..study.verdicts.metrics import counter_example, shannon
from ..study.verdicts.stats import holm
from ..train import protocols
from ..train.labels import loss_of, stored_bytes
from .answers import NotYet, as_number, as_values, ask, expect


def _logits(rows: int = 64) -> torch.Tensor:
    return 3.0 * torch.randn(rows, 10, generator=generator(0, "exercises", rows))


def _el2n(own: Any) -> float:
    """02-2; predicted: the score of a prediction that has no idea, ten classes."""
    logits, labels = _logits(), torch.arange(64) % 10
    found = as_values(ask(own, logits, labels), (64,))
    right, target = error_norm(logits, labels), F.one_hot(labels, 10)
    chance = logits.softmax(1)
    slips = {
        "this is the squared length: take its root": right**2,
        "the logits are compared as they are: make probabilities of them first": (
            (logits - target).norm(dim=1)
        ),
        "this looks at the label's class only: the error has a part for every class": (
            1 - chance.gather(1, labels[:, None]).squeeze(1)
        ),
        "this adds up absolute errors: a length adds up squares": (chance - target).abs().sum(1),
    }
    expect(found, right, slips, "on 64 random predictions it differs from the kit's score")
    return float(error_norm(torch.zeros(1, 10), torch.tensor([0])))


def _forgetting(own: Any) -> float:
    """02-3; predicted: forgettings of an image that is right in every second of ten epochs."""
    draws = generator(0, "exercises", "forgetting")
    right = torch.rand(12, 40, generator=draws) < 0.6
    right[:, 0], right[:, 1] = False, True
    recorder = Forgetting(40)
    for epoch, row in enumerate(right):
        answers = torch.stack([row, ~row], dim=1).float()
        recorder.update(epoch, torch.arange(40), answers, torch.zeros(40, dtype=torch.long))
    forgotten = (right[:-1] & ~right[1:]).sum(0)
    slips = {
        "an image that was never right is among the easiest now: count all its epochs": forgotten,
        "this counts every wrong epoch: only a change from right to wrong is a forgetting": (
            (~right).sum(0)
        ),
        "this counts how often an image was learned, not how often it was forgotten": (
            (~right[:-1] & right[1:]).sum(0)
        ),
    }
    found = as_values(ask(own, right), (40,))
    expect(found, recorder.compute(), slips, "on 40 random histories it differs from the kit's")
    return 5.0


def _entropy(own: Any) -> float:
    """03-1; predicted: the entropy of an observer torn between two of ten classes."""
    logits = _logits()
    logits[0, 0] = 1e4  # certain: a probability of exactly 0 beside it
    right = shannon(logits)
    slips = {
        "this is in bits: nats take the natural logarithm": right / np.log(2),
        "the sign is turned: a logarithm of a probability is negative": -right,
        "this is the mean over classes: the entropy is a sum": right / 10,
    }
    found = as_values(ask(own, logits), (64,))
    expect(found, right, slips, "on 64 random answers it differs from the kit's entropy", 1e-3)
    torn = torch.zeros(1, 10)
    torn[0, :2] = 1e4
    return float(shannon(torn))


def _likelier_less_sure(answer: Any) -> bool:
    """03-2; predicted: can it happen to a right answer between two classes?"""
    try:
        before, after = answer
    except (TypeError, ValueError):
        raise NotYet("expected two lists of probabilities: before and after") from None
    if len(before) != len(after):
        raise NotYet("the two answers are about a different number of classes")
    both = as_values([list(before), list(after)], (2, len(before)))
    if (both < 0).any() or not torch.allclose(both.sum(1), torch.ones(2).double(), atol=1e-3):
        raise NotYet("probabilities are not negative and add up to 1")
    if both[1, 0] <= both[0, 0]:
        raise NotYet("the label, class 0, has not become likelier")
    doubt = torch.special.entr(both).sum(1)
    if doubt[1] <= doubt[0]:
        raise NotYet(f"the answer has become surer: {doubt[0]:.3f} to {doubt[1]:.3f} nats")
    shown = counter_example()[["p0", "p1", "p2"]].to_numpy()
    if both.shape[1] == 3 and np.allclose(both, shown, atol=0.02):
        raise NotYet("this is the example of the notebook: find one of your own")
    return False


def _kl(own: Any) -> float:
    """01-2; predicted: how many times smaller the loss is at T = 20 than at T = 1."""
    student, teacher = _logits(32), _logits(64)[:32]
    labels = torch.zeros(32, dtype=torch.long)
    p, log_q = (teacher / 4).softmax(1), (student / 4).log_softmax(1)

    def right(heat: float, first: torch.Tensor = student, second: torch.Tensor = teacher) -> float:
        protocol = protocols.soft(temperature=heat)
        return float(loss_of(protocol, first, labels, labels, second))

    slips = {
        "student and teacher have changed places: it is KL(teacher || student)": (
            right(4.0, teacher, student)
        ),
        "the temperature makes no difference: divide both logits by it": right(1.0),
        "there is a factor T squared: this protocol does without": 16 * right(4.0),
        "this is a mean over classes too: sum over classes, average over images": right(4.0) / 10,
        "this is a sum over images: average over them": 32 * right(4.0),
        "this is the cross-entropy: the logarithm of the teacher's own p is missing": (
            -float((p * log_q).sum(1).mean())
        ),
        "the softmax runs over images: take it over classes, along the last dimension": float(
            F.kl_div((student / 4).log_softmax(0), (teacher / 4).softmax(0), reduction="batchmean")
        ),
    }
    found = as_number(ask(own, student, teacher, 4.0))
    expect(found, right(4.0), slips, "on 32 random answers it differs from the kit's loss")
    return right(1.0) / right(20.0)


def _combine(own: Any) -> float:
    """04-1; predicted: the share of an original's pixels that are left, percent."""
    draws = generator(0, "exercises", "combine")
    coarse = 255 * torch.rand(4, 3, 4, 4, generator=draws)
    # Smooth images: every decent way to shrink them gives about the same.
    images = F.interpolate(coarse, (32, 32), mode="bilinear").to(torch.uint8)
    found = as_values(ask(own, images), (3, 32, 32))
    if found.max() <= 1:
        raise NotYet("its values lie between 0 and 1: keep the scale of the images, 0 to 255")

    def composite(*order: int) -> torch.Tensor:
        return paste(images, torch.tensor([order]), (2, 2))[0].double()

    def near(wanted: torch.Tensor) -> bool:
        return float((found - wanted).abs().mean()) < 6

    if near(composite(0, 1, 2, 3)):
        return 25.0
    if near(composite(0, 2, 1, 3)):
        raise NotYet("the cells are filled column by column: fill them row by row")
    corner = found[:, :16, :16] - images[0, :, :16, :16]
    if corner.abs().mean() < 6:
        raise NotYet("a cell shows a corner of its image: shrink the whole image into it")
    raise NotYet("the cells do not show the four images, whole and in order, row by row")


def _inside_one_cell(own: Any) -> float:
    """04-2; predicted: how often a crop of a tenth of a composite lies in one cell, percent."""
    draws = generator(0, "exercises", "inside")
    for size, grid in ((32, 2), (30, 3)):
        whole = torch.tensor([[0, 0, size, size]]).expand(200, 4)
        boxes = random_crops(whole, (0.02, 0.3), generator=draws)
        boxes = torch.cat([boxes, cell_boxes(size, grid)])  # as large as may be
        for box, inside in zip(boxes.tolist(), _in_cells(boxes, size, grid), strict=True):
            if bool(ask(own, tuple(box), size, grid)) != inside:
                lies = "lies in one cell" if inside else "reaches into a second cell"
                raise NotYet(
                    f"the crop (top, left, height, width) = {tuple(box)} of a {grid} x {grid} "
                    f"composite of {size} px {lies}"
                )
    tenth = random_crops(
        torch.tensor([[0, 0, 64, 64]]).expand(20_000, 4), (0.1, 0.1), generator=draws
    )
    return 100 * float(np.mean(_in_cells(tenth, 64, 2)))


def _in_cells(boxes: torch.Tensor, size: int, grid: int) -> list[bool]:
    cells = cell_boxes(size, grid)
    start, end = boxes[:, None, :2], boxes[:, None, :2] + boxes[:, None, 2:]
    held = (start >= cells[:, :2]) & (end <= cells[:, :2] + cells[:, 2:])
    return held.all(dim=2).any(dim=1).tolist()


def _shuffle(own: Any) -> float:
    """04-3; predicted: how many of the 24 orders leave no cell where it was."""
    composite, side = torch.arange(3 * 32 * 32).view(3, 32, 32), 16
    order = [1, 2, 3, 0]
    found = as_values(ask(own, composite, order), (3, 32, 32))

    def moved(order: list[int]) -> torch.Tensor:
        cells = [composite[:, y : y + side, x : x + side] for y in (0, side) for x in (0, side)]
        a, b, c, d = (cells[k] for k in order)
        return torch.cat([torch.cat([a, b], 2), torch.cat([c, d], 2)], 1)

    slips = {
        "nothing has moved": composite,
        "turned round: the new cell k is the old cell order[k]": moved([3, 0, 1, 2]),
    }
    lost = len(found.unique()) < composite.numel()
    what = "some pixels are there twice and others are lost" if lost else "cells are not in place"
    expect(found, moved(order), slips, what)
    orders = permutations(range(4))
    return float(sum(all(k != old for k, old in enumerate(order)) for order in orders))


def _bytes(answer: Any) -> float:
    """07-1; predicted: the labels' bytes divided by those of the images."""
    right = stored_bytes(5_000, 200, 100)
    slips = {
        "this is one epoch of labels: every epoch has its own": right / 200,
        "half precision takes two bytes a number": 5_000 * 200 * (4 * 100 + 25),
        "the view is missing: 25 bytes for each label": 5_000 * 200 * 200,
    }
    expect(as_number(answer), right, slips, "images x epochs x bytes of one label is another", 1.0)
    return round(right / (5_000 * 2_500), 1)


def _holm(own: Any) -> float:
    """91-1; predicted: how many of 0.01, 0.02, 0.04 and 0.20 stay below 0.05."""
    values = np.array([0.04, 0.001, 0.012, 0.9, 0.013, 0.7])  # twice 0.7 is above 1
    n, order = len(values), np.argsort(values)
    loose = np.empty(n)
    loose[order] = values[order] * (n - np.arange(n))
    slips = {
        "this multiplies all by the same number (Bonferroni): only the smallest by all": (
            np.minimum(1, n * values)
        ),
        "a larger p must not end below a smaller one: go on with the largest so far": (
            np.minimum(1, loose)
        ),
        "a probability cannot be above 1": np.maximum.accumulate(loose[order])[order.argsort()],
    }
    found = as_values(ask(own, values.copy()), (n,))
    expect(found, holm(values), slips, "on six p-values it differs from the kit's correction")
    return float((holm(np.array([0.01, 0.02, 0.04, 0.2])) < 0.05).sum())


CHECKS = {
    "01-2": _kl,
    "02-2": _el2n,
    "02-3": _forgetting,
    "03-1": _entropy,
    "03-2": _likelier_less_sure,
    "04-1": _combine,
    "04-2": _inside_one_cell,
    "04-3": _shuffle,
    "07-1": _bytes,
    "91-1": _holm,
}
