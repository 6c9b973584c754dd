"""Stress: the attack's bounds, the worst class, rows that are made once."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from rdc_kit.augment.views import plain_view
from rdc_kit.ground.seeds import generator
from rdc_kit.study.analyses import robustness
from rdc_kit.study.analyses.corruptions import CORRUPTIONS
from rdc_kit.study.grid import rows
from rdc_kit.study.grid.arms import Arm
from rdc_kit.study.grid.experiments import Experiment, plan_trials
from rdc_kit.train import protocols
from rdc_kit.train.training import fit

from ...conftest import colour_blocks
from ..conftest import small_setup

QUICK = protocols.hard(epochs=12, lr=3e-3)


@pytest.fixture(scope="module")
def trained():
    """A tiny network on colours under heavy noise, and test images that it knows."""
    pool = colour_blocks(per_class=20, classes=4, seed=3)
    model = fit(pool, QUICK, seed=1).model
    model.zero_grad()
    return model, pool


def loss_of(model, pixels, images):
    with torch.no_grad():
        logits = model(plain_view(pixels * 255, images.traits))
    return F.cross_entropy(logits, images.labels, reduction="none"), logits


def attack(model, images, eps, **settings):
    return robustness.pgd(model, images.images, images.labels, images.traits, eps, **settings)


@pytest.mark.parametrize("eps", [2 / 255, 0.1])
def test_pgd_stays_near_and_harms(trained, eps):
    model, images = trained
    clean = images.images / 255
    found = attack(model, images, eps, draws=generator(0, "start"))
    assert found.dtype == torch.float32
    assert not found.requires_grad
    assert (found - clean).abs().max() <= eps + 1e-6
    assert found.min() >= 0
    assert found.max() <= 1
    before, after = (loss_of(model, pixels, images)[0] for pixels in (clean, found))
    assert (after >= before - 1e-5).all()
    assert after.mean() > before.mean() * 1.05
    assert all(p.grad is None for p in model.parameters())


def test_pgd_makes_accuracy_fall(trained):
    model, images = trained
    right = [
        (loss_of(model, pixels, images)[1].argmax(1) == images.labels).float().mean().item()
        for pixels in (images.images / 255, attack(model, images, 0.2))
    ]
    assert right[0] > 0.9
    assert right[1] < 0.5


def test_pgd_crosses_its_bounds_from_wherever_it_starts():
    """Steps come to 2.5 eps, the bounds are 2 eps apart: where all is linear it ends at a bound."""

    class Bright(torch.nn.Module):
        def forward(self, inputs):
            bright = inputs.mean((1, 2, 3))
            return torch.stack([bright, 0 * bright, 0 * bright], 1)

    images = colour_blocks()[[0, 3]]  # of class 0, whose logit falls as the image darkens
    assert images.labels.tolist() == [0, 0]
    found = attack(Bright(), images, 0.1, draws=generator(0, "start"))
    assert torch.allclose(found, (images.images / 255 - 0.1).clamp(0, 1), atol=1e-6)


def test_pgd_of_nothing_gives_the_images_back(trained):
    model, images = trained
    found = attack(model, images, 0.0, draws=generator(0, "start"))
    assert torch.equal(found, images.images / 255)


def test_pgd_hangs_on_its_start_alone_and_asks_in_eval_mode(trained):
    model, images = trained
    one, again = (attack(model.train(), images, 0.1, draws=generator(0, "a")) for _ in range(2))
    assert torch.equal(one, again)
    assert not model.training
    assert not torch.equal(one, attack(model, images, 0.1, draws=generator(0, "b")))


def test_measure_knows_the_worst_class():
    """A network that always says class 1 gets all of it and nothing of the others."""
    images = colour_blocks(per_class=5, classes=4)

    class Stubborn(torch.nn.Linear):
        def forward(self, inputs):
            return super().forward(inputs.flatten(1)[:, :1]) * 0 + torch.tensor([0.0, 1, 0, 0])

    found = robustness.stress_test(Stubborn(1, 4), images)
    assert found["clean"] == found["corrupted"] == found["pgd"] == found["jpeg"] == 25
    assert (found["worst_class"], found["class_gap"]) == (0, 100)
    assert found["class_sd"] == pytest.approx(100 * (3 / 16) ** 0.5)


@pytest.fixture
def stressed(fresh_home):
    """A function that measures the stress of one network, trained once."""
    setup = small_setup(pool=colour_blocks(12), test=colour_blocks(per_class=10))
    trials = plan_trials(setup, [Arm("random")], 6, [QUICK], 1)

    def measure(**settings):
        extra = robustness.stress(**settings)
        return Experiment(setup, trials, extra=extra).measure().iloc[0].to_dict()

    return measure


def dies(*arguments, **settings):
    raise KeyboardInterrupt


def test_stress_is_made_once_and_survives_a_death(stressed, fresh_home, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(robustness, "stress_test", dies)
        with pytest.raises(KeyboardInterrupt):
            stressed()
    row = stressed()
    assert row["clean"] > 90
    assert row["clean"] == pytest.approx(row["top1"], abs=1e-3)
    assert row["pgd"] <= row["clean"]
    assert row["corrupted"] == pytest.approx(np.mean([row[kind] for kind in CORRUPTIONS]), abs=1e-3)
    assert (row["epochs"], row["steps"], row["images"]) == (12, 24, 30)
    assert not list(fresh_home.rglob("checkpoint.npz"))
    monkeypatch.setattr(rows, "evaluate", dies)
    assert stressed() == row
    for other in ({"severity": 4}, {"eps": 0.1}, {"count": 7}):
        with pytest.raises(KeyboardInterrupt):
            stressed(**other)


def test_stress_takes_so_many_images(stressed):
    row = stressed(count=7)
    assert row["images"] == 7
    assert row["clean"] * 7 / 100 == pytest.approx(round(row["clean"] * 7 / 100), abs=1e-3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"severity": 6}, "severity must be 1 to 5, got 6"),
        ({"eps": -0.1}, r"eps in 0\.\.1, got 500 and -0\.1"),
        ({"count": 0}, "count must be at least 1"),
    ],
)
def test_stress_refuses_before_it_trains(settings, message):
    with pytest.raises(ValueError, match=message):
        robustness.stress(**settings)


def test_arms_under_stress_are_a_tidy_table(fresh_home):
    setup = small_setup(pool=colour_blocks(per_class=12), test=colour_blocks(per_class=6))
    arms = [Arm("random"), Arm("random", {}, {"cutout": 0.5}), Arm("pca", {"grid": 2})]
    trials = plan_trials(setup, arms, 2, [QUICK], 2)
    table = Experiment(setup, trials, extra=robustness.stress(severity=1)).measure()
    assert list(table) == [*rows.COLUMNS, *robustness.COLUMNS]
    assert table["arm"].tolist() == ["random", "random cutout=0.5", "pca"] * 2
    assert table["seed"].tolist() == [0, 0, 0, 1, 1, 1]
    assert table["family"].tolist() == ["baseline", "baseline", "pca"] * 2
    assert table["run_hash"].is_unique
    assert set(table["severity"]) == {1}
    assert set(table["dataset"]) == {"blocks"}
    assert set(table["images"]) == {18}
    assert (table["clean"] > 50).all()
