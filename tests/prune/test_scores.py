"""Scores of a pool, against a plain recomputation."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import rdc_kit as rdc
from rdc_kit.prune import scores as scoring
from rdc_kit.prune.finished import finished_runs
from rdc_kit.prune.metrics import METRICS
from rdc_kit.prune.recorders import (
    MeanScore,
    Scores,
    error_norm,
    margin,
    probability_margin,
)
from rdc_kit.train import training

from ..conftest import colour_blocks


class Everything:
    """Keeps all logits of a run, to recompute the scores the slow way."""

    def __init__(self):
        self.kept = []

    def update(self, epoch, rows, logits, labels):
        self.kept.append((epoch, rows.clone(), logits.clone(), labels.clone()))

    def state(self):
        return {}

    def restore(self, state):
        pass


def test_one_run_yields_every_score_and_no_further_forward_pass(exact, fresh_home, monkeypatch):
    pool = colour_blocks(per_class=10, seed=3)
    counted, builds, watcher = [], training.models.build, Everything()

    def counting_build(*args):
        model = builds(*args)
        model.register_forward_hook(lambda m, i, o: counted.append(len(o)))
        return model

    real_fit = scoring.fit
    monkeypatch.setattr(training.models, "build", counting_build)
    monkeypatch.setattr(
        scoring,
        "fit",
        lambda pool, protocol, student, seed, runtime, recorders, checkpoint: real_fit(
            pool, protocol, student, seed, runtime, [*recorders, watcher], checkpoint
        ),
    )
    found = scoring.dynamics(pool, epochs=5, el2n_epochs=3, runtime=exact)
    assert sum(counted) == 5 * len(pool)
    table = {name: torch.zeros(5, len(pool)) for name in ("el2n", "aum", "aum_prob", "right")}
    for epoch, rows, logits, labels in watcher.kept:
        table["el2n"][epoch, rows] = error_norm(logits, labels)
        table["aum"][epoch, rows] = margin(logits, labels)
        table["aum_prob"][epoch, rows] = probability_margin(logits, labels)
        table["right"][epoch, rows] = (logits.argmax(1) == labels).float()
    assert torch.allclose(found["el2n"].values, table["el2n"][:3].mean(0), atol=1e-6)
    assert torch.allclose(found["aum"].values, -table["aum"].mean(0), atol=1e-5)
    assert torch.allclose(found["aum_prob"].values, -table["aum_prob"].mean(0), atol=1e-6)
    forgot = (table["right"].diff(dim=0) < 0).sum(0).float()
    never = table["right"].sum(0) == 0
    assert torch.equal(found["forgetting"].values, torch.where(never, 5.0, forgot))
    assert torch.equal(found["forgetting"].never_learned, never)


def test_scores_follow_the_rows_when_the_pool_is_reordered(exact, fresh_home):
    """Scores belong to images: shuffle the pool, and an outlier is still the outlier."""
    pool = colour_blocks(per_class=12, seed=5)
    images = pool.images.clone()
    images[4] = pool.images[5]  # row 4 is labelled 1 and shows class 2
    odd = rdc.from_tensors(images, pool.labels, pool.classes, traits=pool.traits)
    turned = odd[torch.randperm(len(odd), generator=torch.Generator().manual_seed(0))]
    for some in (odd, turned):
        scores = rdc.el2n(some, epochs=8, runtime=exact)
        assert int(scores.row_ids[scores.values.argmax()]) == 4


def test_el2n_of_ten_epochs_does_not_depend_on_the_length_of_the_run(exact, fresh_home):
    pool = colour_blocks()
    short, long = (scoring.dynamics(pool, e, 4, runtime=exact)["el2n"].values for e in (4, 9))
    assert torch.equal(short, long)


def test_snapshot_is_one_evaluation_pass_averaged_over_seeds(exact, fresh_home):
    pool = colour_blocks(seed=2)
    found = rdc.el2n(pool, epochs=2, mode="snapshot", seeds=2, runtime=exact)
    expected = torch.zeros(len(pool))
    for seed in range(2):
        model = rdc.fit(pool, rdc.protocols.scoring(epochs=2), seed=seed, runtime=exact).model
        from rdc_kit.train.accuracy import predict

        expected += error_norm(predict(model, pool, exact), pool.labels) / 2
    assert torch.allclose(found.values, expected, atol=1e-6)


def test_scores_are_kept_and_found_again(exact, fresh_home, monkeypatch):
    pool = colour_blocks(seed=9)
    first = rdc.aum(pool, epochs=3, runtime=exact)
    monkeypatch.setattr(scoring, "fit", None)  # a second training would fail
    moved = fresh_home.rename(fresh_home.with_name("moved"))  # a cache that was moved still serves
    monkeypatch.setenv("RDC_HOME", str(moved))
    assert torch.equal(rdc.aum(pool, epochs=3, runtime=exact).values, first.values)
    assert torch.equal(
        rdc.forgetting(pool, epochs=3, runtime=exact).values,
        scoring.dynamics(pool, 3, runtime=exact)["forgetting"].values,
    )


def test_wrong_options_and_foreign_scores_are_refused(blocks):
    with pytest.raises(ValueError, match="mode must be"):
        rdc.el2n(blocks, mode="early")
    for seeds in (0, [], [1, 1]):
        with pytest.raises(ValueError, match="seeds must be a number of at least 1, or different"):
            rdc.el2n(blocks, seeds=seeds)
    with pytest.raises(ValueError, match="epochs must be a whole number of at least 1, got 0"):
        scoring.score(blocks, "el2n", epochs=0)
    foreign = Scores("el2n", torch.rand(5), torch.arange(5))
    with pytest.raises(rdc.DataError, match="belong to other rows"):
        rdc.select(blocks, foreign, 2)
    broken = Scores("el2n", torch.full((18,), float("nan")), blocks.row_ids)
    with pytest.raises(rdc.DataError, match="el2n score of row 0 is nan"):
        rdc.select(blocks, broken, 2)


@pytest.mark.parametrize("scores", [rdc.dynamics, rdc.el2n, rdc.aum, rdc.forgetting, scoring.score])
def test_another_kind_of_thing_is_refused_before_a_run(scores, blocks, monkeypatch):
    monkeypatch.setattr(training, "_train_epoch", None)
    with pytest.raises(ValueError, match="pool must be of the kind ImageSet"):
        scores((blocks, None))
    with pytest.raises(ValueError, match=r"runtime must be of the kind Runtime, .* got 'cpu'"):
        scores(blocks, runtime="cpu")


@pytest.mark.parametrize("wrong", [0, -1, 2.5, True])
def test_el2n_is_a_mean_over_at_least_one_epoch(wrong, blocks, monkeypatch):
    """Over none it was NaN in every row, after a whole training."""
    monkeypatch.setattr(training, "_train_epoch", None)
    with pytest.raises(rdc.DataError, match="el2n_epochs must be a whole number of at least 1"):
        rdc.dynamics(blocks, el2n_epochs=wrong)


def test_a_single_class_has_no_margins(exact, monkeypatch):
    """They were -inf, and refused after the training."""
    alone = colour_blocks(classes=1)
    assert rdc.el2n(alone, 1, runtime=exact).values.tolist() == [0] * 6
    monkeypatch.setattr(training, "_train_epoch", None)
    with pytest.raises(rdc.DataError, match=r"aum and aum_prob compare classes, .* a single one"):
        rdc.dynamics(alone, 2, runtime=exact)
    for name, options in (("ccs", {}), ("pca", {"metric": "aum"})):
        with pytest.raises(rdc.DataError, match="compare classes"):
            rdc.compress(name, alone, 1, runtime=exact, **options)


def test_a_run_by_numpys_seed_is_the_run_by_pythons(exact, fresh_home):
    """It was another run, and beside one by Python's the finished ones could not be sorted."""
    pool = colour_blocks(per_class=4)
    first = scoring.score(pool, epochs=1, seed=0, runtime=exact)
    again = scoring.score(pool, epochs=np.int64(1), seed=np.int64(0), runtime=exact)
    assert again.source == first.source
    scoring.dynamics(pool, 1, 1, seed=np.int64(1), runtime=exact)
    assert [run.config["seed"] for run in finished_runs(pool)] == [0, 1]
    for wrong in (1.0, None):
        with pytest.raises(ValueError, match="a seed must be a whole number"):
            scoring.score(pool, seed=wrong, runtime=exact)


def test_aum_and_forgetting_find_the_run_that_score_made(exact, fresh_home, monkeypatch):
    """Beside a user's own score they trained another."""
    pool = colour_blocks(seed=9)
    loss = replace(METRICS["el2n"], recorder=lambda rows, _: MeanScore(error_norm, rows))
    monkeypatch.setitem(METRICS, "loss", loss)
    first = scoring.score(pool, "aum", epochs=3, runtime=exact)
    monkeypatch.setattr(scoring, "fit", None)  # a second training would fail
    assert torch.equal(rdc.aum(pool, epochs=3, runtime=exact).values, first.values)
    rdc.forgetting(pool, epochs=3, runtime=exact)


def test_a_single_class_can_be_forgotten(exact, fresh_home):
    """It was refused for the margins, which nobody had asked for."""
    alone = colour_blocks(classes=1)
    assert torch.equal(
        rdc.forgetting(alone, epochs=2, runtime=exact).values,
        scoring.score(alone, "forgetting", epochs=2, runtime=exact).values,
    )
