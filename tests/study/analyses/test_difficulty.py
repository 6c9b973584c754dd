"""Scores looked at: agreement against scipy, ties by hand."""

import numpy as np
import pytest
import torch
from scipy import stats as reference

from rdc_kit.prune.recorders import Scores
from rdc_kit.study.analyses import difficulty

from ...conftest import colour_blocks


def scores_of(values, name="el2n", never=None):
    values = torch.tensor(values, dtype=torch.float32)
    return Scores(name, values, torch.arange(len(values)), never)


def test_agreement_is_scipys_spearman():
    draw = np.random.default_rng(0)
    one, two, three = draw.normal(size=(3, 40))
    found = difficulty.agreement({k: scores_of(v) for k, v in zip("abc", (one, two, three))})  # noqa: B905
    assert found.loc["a", "b"] == pytest.approx(reference.spearmanr(one, two).statistic, abs=1e-6)
    assert np.allclose(np.diag(found), 1)
    pair = difficulty.agreement({"a": scores_of(one), "b": scores_of(-one)})
    assert pair.loc["a", "b"] == pytest.approx(-1)


def test_ties_count_the_share_of_a_class_at_the_cut():
    pool = colour_blocks(per_class=4, classes=2)  # labels 0 1 0 1 ...
    values = [0, 0, 0, 0, 0, 5, 9, 6]  # class 0: 0 0 0 9; class 1: 0 0 5 6
    found = difficulty.ties({"forgetting": scores_of(values, "forgetting")}, pool, [1, 3])
    assert found.loc[("forgetting", "easy")].tolist() == [(3 / 4 + 2 / 4) / 2, (3 / 4 + 0) / 2]
    assert found.loc[("forgetting", "hard")].tolist() == [0, (3 / 4 + 2 / 4) / 2]


def test_the_ends_are_each_classes_easiest_and_hardest():
    blocks = colour_blocks(per_class=3)  # classes 0, 1, 2, 0, 1, 2, ...
    names = [f"{k}.png" for k in range(9)]
    table = difficulty.ends(blocks, scores_of(range(9)), names, each=2, classes=2)
    assert table["class"].unique().tolist() == ["1", "2"]  # the hardest two classes
    assert table["file"].tolist() == ["1.png", "7.png", "2.png", "8.png"]  # three images: one each
    assert table["end"].tolist() == ["easy", "hard"] * 2
    assert table["score"].tolist() == [1, 7, 2, 8]
    assert set(table["place"]) == {1}
