"""The formulas of the scores, and the recorders, on known answers."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import rdc_kit as rdc
from rdc_kit.data.imagesets import DataError
from rdc_kit.prune.recorders import (
    Forgetting,
    MeanScore,
    Scores,
    error_norm,
    margin,
    probability_margin,
)

from ..conftest import colour_blocks

SURE = 80.0  # a logit that makes softmax 1 to float precision


def test_el2n_corners():
    logits = torch.tensor([[SURE, 0.0, 0.0], [0.0, SURE, 0.0], [0.0, 0.0, 0.0]])
    found = error_norm(logits, torch.tensor([0, 0, 0]))
    uniform = math.sqrt((1 - 1 / 3) ** 2 + 2 / 9)
    assert found.tolist() == pytest.approx([0, math.sqrt(2), uniform], abs=1e-6)


def test_el2n_is_numpys():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(50, 7)) * 3, rng.integers(0, 7, 50)
    exponents = np.exp(logits)
    error = exponents / exponents.sum(1, keepdims=True) - np.eye(7)[labels]
    found = error_norm(torch.tensor(logits), torch.tensor(labels))
    assert found.numpy() == pytest.approx(np.linalg.norm(error, axis=1), abs=1e-6)


def test_margin_leaves_the_own_class_out_of_the_maximum():
    logits = torch.tensor([[5.0, 2.0, 1.0], [1.0, 4.0, 0.0]])
    assert margin(logits, torch.tensor([0, 0])).tolist() == [3.0, -3.0]
    assert probability_margin(torch.tensor([[SURE, 0.0]]), torch.tensor([0])).item() == 1.0


@pytest.mark.parametrize("given", [torch.zeros(2, 3), torch.tensor(0.0), 0.5])
def test_a_score_of_another_shape_is_named(given):
    """It was an error of index_add_."""

    def mine(logits, labels):
        return given

    logits, labels = torch.zeros(2, 3), torch.tensor([0, 1])
    with pytest.raises(ValueError, match=r"score 'mine' gives .*, and needs \[B\], here \[2\]"):
        MeanScore(mine, 5).update(0, labels, logits, labels)


def logits_for(right, labels, classes=3):
    """Logits that are right or wrong as told."""
    guess = torch.where(torch.tensor(right), labels, (labels + 1) % classes)
    return torch.nn.functional.one_hot(guess, classes).float() * 5


def test_a_hand_made_forgetting_sequence():
    labels = torch.tensor([0, 1, 2, 0, 1])
    history = {  # row: right at each presentation -> forgettings
        0: ([1, 1, 1, 1, 1], 0),
        1: ([0, 1, 0, 1, 0], 2),
        2: ([0, 0, 0, 0, 0], 5),  # never learned: every presentation counts
        3: ([0, 0, 1, 1, 1], 0),  # a wrong start is no forgetting
        4: ([1, 0, 0, 1, 0], 2),
    }
    recorder = Forgetting(5)
    order = torch.tensor([3, 0, 4, 2, 1])
    for epoch in range(5):
        right = [bool(history[int(row)][0][epoch]) for row in order]
        logits = logits_for(right, labels[order])
        recorder.update(epoch, order[:2], logits[:2], labels[order[:2]])
        recorder.update(epoch, order[2:], logits[2:], labels[order[2:]])
        order = order.roll(1)
    assert recorder.compute().tolist() == [history[row][1] for row in range(5)]
    assert recorder.never_learned().tolist() == [False, False, True, False, False]


def test_aum_is_negated_so_that_higher_is_harder():
    recorder = MeanScore(margin, 2, hard_is=-1)
    logits = torch.tensor([[6.0, 0.0], [0.0, 2.0]])
    for epoch in range(4):
        recorder.update(epoch, torch.tensor([1, 0]), logits, torch.tensor([0, 0]))
    easy, hard = 1, 0
    found = recorder.compute()
    assert found[easy] == -6
    assert found[hard] == 2


def test_only_the_first_epochs_count_where_so_asked():
    recorder = MeanScore(error_norm, 1, epochs=2)
    for epoch, logit in enumerate([SURE, 0.0, -SURE]):
        recorder.update(epoch, torch.tensor([0]), torch.tensor([[logit, 0.0]]), torch.tensor([0]))
    assert recorder.compute().item() == pytest.approx(math.sqrt(0.5) / 2, abs=1e-6)


def presentations(rows=6, classes=3, epochs=4):
    """(epoch, rows, logits, labels) of a made-up run, two batches to an epoch."""
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(rows) % classes
    for epoch in range(epochs):
        for part in torch.randperm(rows, generator=draw).split(rows // 2):
            yield epoch, part, torch.randn(len(part), classes, generator=draw), labels[part]


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_a_restored_recorder_goes_on_as_if_never_stopped(stop):
    for new in (lambda: Forgetting(6), lambda: MeanScore(margin, 6, hard_is=-1, epochs=3)):
        straight, stopped, resumed = new(), new(), new()
        for k, told in enumerate(presentations()):
            straight.update(*told)
            if k == stop:
                resumed.restore({name: value.clone() for name, value in stopped.state().items()})
            (stopped if k < stop else resumed).update(*told)
        assert torch.equal(straight.compute(), resumed.compute())
        assert not torch.equal(straight.state().popitem()[1], stopped.state().popitem()[1])


def test_a_row_that_was_never_presented_has_no_score():
    recorder = MeanScore(margin, 3)
    recorder.update(
        0, torch.tensor([2, 0]), torch.tensor([[3.0, 1.0], [0.0, 5.0]]), torch.zeros(2).long()
    )
    assert recorder.compute()[[0, 2]].tolist() == [-5, 2]
    assert recorder.compute()[1].isnan()


def test_scores_belong_to_the_rows_they_were_made_of(blocks):
    values = torch.rand(len(blocks), generator=torch.Generator().manual_seed(0))
    scores = Scores("made", values, blocks.row_ids)
    assert scores.aligned_to(blocks) is scores
    for other in (blocks[:5], blocks[torch.arange(len(blocks)).flip(0)]):
        with pytest.raises(DataError, match="belong to other rows"):
            scores.aligned_to(other)
    values[3] = float("inf")
    with pytest.raises(DataError, match="made score of row 3 is inf"):
        scores.aligned_to(blocks)


@pytest.mark.parametrize(
    "values",
    [
        torch.arange(18, dtype=torch.uint8),
        np.arange(18),
        np.arange(17, -1, -1)[::-1],
        list(range(18)),
    ],
    ids=["uint8", "numpy", "numpy reversed", "list"],
)
def test_scores_of_any_kind_of_number_rank_as_their_values(blocks, values):
    """Hardest first, minus uint8 made 255 of 1, and the easiest image, 0, stayed the hardest."""
    scores = Scores.of(blocks, "made", values)
    assert scores.values.dtype == torch.float32
    assert rdc.select(blocks, scores, 2, "hard").row_ids.tolist() == [15, 12, 16, 13, 17, 14]


def test_flags_are_values_too(blocks):
    scores = Scores.of(blocks, "made", blocks.row_ids >= 15)
    assert rdc.select(blocks, scores, 1, "hard").row_ids.tolist() == [15, 16, 17]


@pytest.mark.parametrize("shape", [(36,), (17,), (18, 1), ()], ids=str)
def test_scores_that_are_not_one_value_for_each_row_are_refused(blocks, shape):
    for values in (torch.zeros(shape), np.zeros(shape)):
        with pytest.raises(DataError, match=r"made scores must be one value for each of 18 rows"):
            Scores.of(blocks, "made", values)


def test_scores_of_another_set_with_the_same_row_ids_are_refused(blocks):
    """Two folders with as many images in each class were taken for one another."""
    scores = Scores.of(blocks, "made", torch.arange(float(len(blocks))))
    same = replace(blocks, images=blocks.images.clone(), provenance={"source": "elsewhere"})
    assert scores.aligned_to(same) is scores
    others = [
        colour_blocks(seed=1),
        replace(blocks, labels=blocks.labels.roll(1)),
        replace(blocks, classes=("x", "y", "z")),
        colour_blocks(size=32),
    ]
    for other in others:
        assert torch.equal(other.row_ids, blocks.row_ids)
        with pytest.raises(DataError, match="belong to other images or labels"):
            rdc.select(other, scores, 2)


def test_scores_that_were_learned_are_plain_numbers(blocks):
    """They failed later, in torch's words."""
    values = torch.rand(len(blocks), requires_grad=True)
    scores = Scores.of(blocks, "mine", values)
    assert not scores.values.requires_grad
    assert scores.fingerprint() == Scores.of(blocks, "mine", values.detach()).fingerprint()
