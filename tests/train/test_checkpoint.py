"""Checkpoints: one that does not fit is refused, or set aside where it is the kit's own."""

import pytest
import torch

import rdc_kit as rdc
from rdc_kit.ground.folders import runs_dir
from rdc_kit.prune.recorders import Forgetting
from rdc_kit.train import checkpoint, models, training
from rdc_kit.train.training import fit

from .test_training import STUDENT, dying_in, weights


def test_a_checkpoint_that_does_not_fit_is_refused_or_of_ours_set_aside(
    blocks, exact, tmp_path, fresh_home, monkeypatch, capsys
):
    """After an update of the kit, one that it had left stopped a whole grid at every call."""
    monkeypatch.setattr(training, "CHECKPOINT_EVERY", 0.0)
    protocol, own = (
        rdc.protocols.hard(epochs=2, batch=5),
        runs_dir("train") / "a" / "checkpoint.npz",
    )
    straight = fit(blocks, protocol, STUDENT, 1, exact)
    for path in (tmp_path / "mine.npz", own):
        path.parent.mkdir(parents=True, exist_ok=True)
        with dying_in(1), pytest.raises(KeyboardInterrupt):
            fit(blocks, protocol, STUDENT, 2, exact, checkpoint=path)
    with pytest.raises(ValueError, match="belongs to another training"):
        fit(blocks, protocol, STUDENT, 1, exact, checkpoint=tmp_path / "mine.npz")
    fitted = fit(blocks, protocol, STUDENT, 1, exact, checkpoint=own)
    assert torch.equal(weights(straight), weights(fitted))
    assert "belongs to another training or version" in capsys.readouterr().err


def test_a_checkpoint_decides_nothing_on_how_a_step_is_recorded(blocks, exact, tmp_path):
    model = models.build(STUDENT, 3, 16)
    made = [training.make_optimiser(model, rdc.protocols.hard()) for _ in range(2)]
    for group in made[0].param_groups:
        group["capturable"] = True  # of a GPU
    checkpoint.State(model, made[0], []).save(tmp_path / "a.npz")
    checkpoint.State(model, made[1], []).load(tmp_path / "a.npz", exact.device)
    assert [group["capturable"] for group in made[1].param_groups] == [False, False]


def test_so_is_one_of_ours_on_another_disk_or_with_other_recorders(
    blocks, exact, tmp_path, fresh_home, monkeypatch, capsys
):
    """`data` is a link there; a version with one more score has one more recorder."""
    monkeypatch.setattr(training, "CHECKPOINT_EVERY", 0.0)
    (tmp_path / "disk").mkdir()
    fresh_home.mkdir(exist_ok=True)
    fresh_home.joinpath("data").symlink_to(tmp_path / "disk")
    protocol, path = rdc.protocols.hard(epochs=2, batch=5), runs_dir("train") / "checkpoint.npz"
    path.parent.mkdir(parents=True)
    with dying_in(1), pytest.raises(KeyboardInterrupt):
        fit(blocks, protocol, STUDENT, 1, exact, checkpoint=path)
    fit(blocks, protocol, STUDENT, 1, exact, [Forgetting(len(blocks))], checkpoint=path)
    assert capsys.readouterr().err.count("belongs to another training or version") == 1
