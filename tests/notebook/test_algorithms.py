"""Checks of algorithms: the right one passes, and each common slip is told from it."""

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from rdc_kit.notebook.exercises import verdict


def error(logits, labels):
    return logits.softmax(1) - F.one_hot(labels, logits.shape[1])


def forgotten(right):
    return (right[:-1] & ~right[1:]).sum(0)


def whole_forgetting(right):
    return torch.where(right.any(0), forgotten(right), len(right))


def entropy(logits):
    log_p = logits.log_softmax(1)
    return -(log_p.exp() * log_p).sum(1)


def naive_entropy(logits):
    p = logits.softmax(1)
    return -(p * p.log()).sum(1)


def kl(student, teacher, heat):
    p, log_q = (teacher / heat).softmax(1), (student / heat).log_softmax(1)
    return (p * (p.log() - log_q)).sum(1).mean()


def cross_entropy(student, teacher, heat):
    return -((teacher / heat).softmax(1) * (student / heat).log_softmax(1)).sum(1).mean()


def kl_over_images(student, teacher, heat):
    return kl(student.T, teacher.T, heat) * student.shape[1] / len(student)


def composite(images, cells=(0, 1, 2, 3), shrink=lambda x: F.avg_pool2d(x.float(), 2)):
    a, b, c, d = shrink(images)[list(cells)]
    return torch.cat([torch.cat([a, b], 2), torch.cat([c, d], 2)], 1)


def inside(box, size, grid):
    top, left, height, width = box
    cell = size // grid
    return all(a // cell == (a + n - 1) // cell for a, n in ((top, height), (left, width)))


def shuffled(image, order):
    half = image.shape[-1] // 2
    cells = [image[:, y : y + half, x : x + half] for y in (0, half) for x in (0, half)]
    a, b, c, d = (cells[k] for k in order)
    return torch.cat([torch.cat([a, b], 2), torch.cat([c, d], 2)], 1)


def holm(values, most=1.0):
    order = np.argsort(values)
    raised = values[order] * (len(values) - np.arange(len(values)))
    return np.minimum(most, np.maximum.accumulate(raised))[np.argsort(order)]


RIGHT = [
    ("01-2", kl, ()),
    ("02-2", lambda z, y: error(z, y).norm(dim=1), ()),
    ("02-3", whole_forgetting, ()),
    ("03-1", entropy, ()),
    ("03-2", ([0.2, 0.8, 0.0], [0.3, 0.35, 0.35]), ()),
    ("03-2", ([0.2, 0.7, 0.1], [0.3, 0.4, 0.3]), ()),  # as the exercise begins
    ("04-1", composite, ()),
    ("04-2", inside, ()),
    ("04-3", shuffled, ()),
    ("07-1", 100 * 50 * 200 * 225, ()),
    ("91-1", holm, ()),
]
WRONG = [
    ("01-2", lambda s, t, heat: kl(t, s, heat), (), "changed places"),
    ("01-2", lambda s, t, heat: heat**2 * kl(s, t, heat), (), "factor T squared"),
    ("01-2", lambda s, t, heat: kl(s, t, 1), (), "temperature makes no difference"),
    ("01-2", lambda s, t, heat: 0.0, (), "differs from the kit's loss"),
    ("01-2", cross_entropy, (), "this is the cross-entropy"),
    ("01-2", kl_over_images, (), "softmax runs over images"),
    ("02-2", lambda z, y: error(z, y).norm(dim=1) ** 2, (), "squared length"),
    ("02-2", lambda z, y: (z - F.one_hot(y, 10)).norm(dim=1), (), "make probabilities"),
    ("02-2", lambda z, y: error(z, y).abs().sum(1), (), "absolute errors"),
    ("02-2", lambda z, y: error(z, y).norm(), (), r"expected shape \(64,\), got \(\)"),
    ("02-3", forgotten, (), "never right is among the easiest"),
    ("02-3", lambda right: (~right).sum(0), (), "every wrong epoch"),
    ("02-3", lambda right: right.sum(0), (), "differs from the kit's"),
    ("03-1", lambda z: entropy(z) / np.log(2), (), "in bits"),
    ("03-1", naive_entropy, (), "there is a NaN"),
    ("03-1", lambda z: -entropy(z), (), "sign is turned"),
    ("03-2", ([0.5, 0.5, 0.0], [0.4, 0.3, 0.3]), (), "not become likelier"),
    ("03-2", ([0.2, 0.4, 0.4], [0.8, 0.1, 0.1]), (), "become surer"),
    ("03-2", ([0.5, 0.6], [0.6, 0.4]), (), "add up to 1"),
    ("03-2", ([0.3, 0.7, 0.0], [0.4, 0.3, 0.3]), (), "example of the notebook"),
    ("03-2", 3, (), "expected two lists"),
    ("04-1", lambda x: composite(x, (0, 2, 1, 3)), (), "column by column"),
    ("04-1", lambda x: composite(x, shrink=lambda i: i[..., :16, :16].float()), (), "a corner"),
    ("04-1", lambda x: composite(x, (3, 2, 1, 0)), (), "do not show the four images"),
    ("04-1", lambda x: composite(x) / 255, (), "between 0 and 1"),
    ("04-2", lambda box, size, grid: True, (), "reaches into a second cell"),
    ("04-2", lambda box, size, grid: False, (), "lies in one cell"),
    ("04-3", lambda image, order: image, (), "nothing has moved"),
    ("04-3", lambda image, order: shuffled(image, [3, 0, 1, 2]), (), "turned round"),
    ("04-3", lambda image, order: shuffled(image, [1, 1, 3, 0]), (), "others are lost"),
    ("07-1", 5_000 * 225, (), "one epoch"),
    ("07-1", 5_000 * 200 * 425, (), "half precision"),
    ("07-1", "much", (), "expected a number"),
    ("91-1", lambda p: np.minimum(1, 6 * p), (), "Bonferroni"),
    ("91-1", lambda p: holm(p, np.inf), (), "cannot be above 1"),
    ("91-1", lambda p: p, (), "differs from the kit's correction"),
]


@pytest.mark.parametrize(("exercise", "answer", "given"), RIGHT, ids=lambda v: str(v)[:5])
def test_the_right_algorithm_is_right(exercise, answer, given):
    assert verdict(exercise, answer, 0, *given).startswith("right. You predicted 0; it is ")


@pytest.mark.parametrize(("exercise", "answer", "given", "hint"), WRONG, ids=lambda v: str(v)[:9])
def test_a_wrong_one_is_told_by_what_fails(exercise, answer, given, hint):
    said = verdict(exercise, answer, 0, *given)
    assert said.startswith("not yet: ")
    assert re.search(hint, said), said
    assert "\n" not in said


def test_what_was_to_be_predicted_is_known_where_theory_knows_it():
    assert "it is 0.949" in verdict("02-2", RIGHT[1][1], 0)  # the root of 0.9
    assert "it is 0.693" in verdict("03-1", entropy, 0)  # log 2
    assert "It is 9, as you predicted" in verdict("04-3", shuffled, 9)
    assert "It is 5, as you predicted" in verdict("02-3", whole_forgetting, 5)
    assert "It is False, as you predicted" in verdict("03-2", RIGHT[4][1], False)
