"""Doubtful labels: flipped ones come first, the rule is the published one, no image is judged by
a network that has seen it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import rdc_kit as rdc
from rdc_kit.ground.seeds import generator
from rdc_kit.study.analyses import doubts as module
from rdc_kit.study.analyses.doubts import Answers, doubts, fold_of, named_doubts, out_of_fold, trust

from ...conftest import colour_blocks
from ..conftest import small_setup


def flipped(pool, share, seed=0):
    """The pool with a share of its labels wrong, and where."""
    draw = generator(seed, "flips")
    rows = torch.randperm(len(pool), generator=draw)[: round(share * len(pool))]
    labels = pool.labels.clone()
    shift = torch.randint(1, pool.num_classes, (len(rows),), generator=draw)
    labels[rows] = (labels[rows] + shift) % pool.num_classes
    return replace(pool, labels=labels), rows.tolist()


def test_most_flipped_digits_come_first(fresh_home):
    """8 % of 700 labels are wrong: among as many first ones, most are these."""
    pool = rdc.load("digits", 16).train[:700]
    pool = replace(pool, traits=replace(pool.traits, student="convnet3-w32"))
    wrong, rows = flipped(pool, 0.08)
    setup = small_setup(pool=wrong, test=wrong[:50], scoring_epochs={"aum": 12})
    answers = out_of_fold(setup)
    table = named_doubts(wrong, answers, [f"{k}.png" for k in range(700)])
    first = table.head(len(rows))
    found = first["position"].isin(rows)
    assert found.mean() > 0.75  # by chance: 0.08
    right = pool.labels[torch.tensor(first["position"][found].tolist())]
    assert (first["seen"][found] == [pool.classes[k] for k in right]).mean() > 0.9
    assert table["doubtful"].iloc[: len(rows) // 2].all()
    by_aum = answers.aum.argsort()[: len(rows)].tolist()
    assert len(set(by_aum) & set(rows)) > 0.5 * len(rows)
    assert "Look at each" in trust(wrong, answers, table)


def test_nobody_judges_an_image_that_it_was_trained_on(fresh_home, monkeypatch):
    """Copies are in one part; what each network trains on and what it judges are disjoint."""
    pool = colour_blocks(per_class=12)[[*range(36), *range(10)]]
    parts = fold_of(pool, 3, seed=1)
    assert torch.equal(parts[:10], parts[36:])
    counts = [torch.bincount(pool[parts == k].labels, minlength=3) for k in range(3)]
    assert min(int(one.min()) for one in counts) >= 4
    seen = []
    fit, predict = module.fit, module.predict
    monkeypatch.setattr(
        module, "fit", lambda images, *a, **k: seen.append(images) or fit(images, *a, **k)
    )
    monkeypatch.setattr(
        module, "predict", lambda model, images, r: seen.append(images) or predict(model, images, r)
    )
    answers = out_of_fold(small_setup(pool=pool))
    assert len(seen) == 6
    for trained, judged in zip(seen[::2], seen[1::2], strict=True):
        shown = {image.numpy().tobytes() for image in trained.images}
        assert not shown & {image.numpy().tobytes() for image in judged.images}
    assert torch.allclose(answers.probabilities.sum(1), torch.ones(len(pool)), atol=1e-5)
    assert answers.aum.isfinite().all()
    assert len(out_of_fold(small_setup(pool=pool)).aum) == len(pool)
    assert len(seen) == 6  # kept


def test_a_small_example_by_hand():
    """Thresholds: (0.9 + 0.6 + 0.2) / 3 = 0.57 and (0.8 + 0.7) / 2 = 0.75."""
    p = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.2, 0.8], [0.3, 0.7]])
    table = doubts(p, np.array([0, 0, 0, 1, 1]))
    assert table["position"].tolist() == [2, 1, 4, 3, 0]
    assert table["doubtful"].tolist() == [True, False, False, False, False]
    assert table.loc[0, ["given", "seen", "own", "other"]].tolist() == [0, 1, 0.2, 0.8]


def test_thresholds_and_findings_are_cleanlabs():
    filters = pytest.importorskip("cleanlab.filter", reason="cleanlab is not installed")
    random = np.random.default_rng(0)
    labels = np.arange(600) % 4
    logits = random.normal(size=(600, 4))
    logits[np.arange(600), np.where(random.random(600) < 0.9, labels, (labels + 1) % 4)] += 3
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    theirs = filters.find_label_issues(
        labels,
        p,
        filter_by="confident_learning",
        return_indices_ranked_by="normalized_margin",
        n_jobs=1,
    )
    table = doubts(p, labels)
    ours = table["position"][table["doubtful"]].to_numpy()
    assert 30 < len(theirs) < 90
    assert ours.tolist() == theirs.tolist()


def test_a_class_without_images_is_never_seen():
    p = np.array([[0.1, 0.1, 0.8], [0.6, 0.2, 0.2], [0.1, 0.7, 0.2]])
    table = doubts(p, np.array([0, 0, 1]))
    assert not table["doubtful"].any()


def test_weak_networks_and_small_classes_are_named():
    pool = colour_blocks(per_class=4)
    unsure = Answers(torch.full((12, 3), 1 / 3), torch.zeros(12))
    assert "take the list as a guess" in trust(
        pool, unsure, pd.DataFrame({"doubtful": [True] * 12})
    )
    with pytest.raises(rdc.DataError, match="class '0' has 2 different images, 3 are needed"):
        fold_of(colour_blocks(per_class=2), 3)
