"""A replayed step: nothing is left out or made twice, and a GPU's real one learns the same."""

import contextlib

import pytest
import torch

from rdc_kit.ground.device import Runtime
from rdc_kit.prune.recorders import Forgetting, MeanScore, error_norm
from rdc_kit.train import models, protocols, replay, training
from rdc_kit.train.stored_labels import store_labels
from rdc_kit.train.training import fit

from ..conftest import colour_blocks
from .test_training import STUDENT, dying_in, weights


class _Tape:
    """Stands for a CUDA graph: recording makes no step, a replay makes one on the same rows."""

    def __init__(self, replayed):
        self.replayed, self.replays = replayed, 0

    def replay(self):
        self.replays += 1
        self.replayed.loss, self.replayed.logits = self.replayed.step(self.replayed.rows)


@pytest.fixture
def tapes(monkeypatch):
    """Recording without a GPU; the tapes that were made."""
    made = []

    def record(self, rows):
        self.rows, self.graph = rows.clone(), _Tape(self)
        made.append(self.graph)

    def alone(self, rows):
        self.made += 1
        return self.step(rows)

    monkeypatch.setattr(replay.Replayed, "_record", record)
    monkeypatch.setattr(replay.Replayed, "_alone", alone)
    monkeypatch.setattr(training, "pays", lambda device, steps: True)
    return made


def test_replaying_changes_nothing(blocks, exact, tapes, monkeypatch):
    protocol = protocols.hard(epochs=5, batch=7, mix="cutmix", cutout=0.3)
    scores = [MeanScore(error_norm, len(blocks)), Forgetting(len(blocks))]
    replayed = fit(blocks, protocol, STUDENT, 3, exact, scores)
    assert [tape.replays for tape in tapes] == [5 * 3 - replay._FIRST]
    monkeypatch.setattr(training, "pays", lambda device, steps: False)
    plain_scores = [MeanScore(error_norm, len(blocks)), Forgetting(len(blocks))]
    plain = fit(blocks, protocol, STUDENT, 3, exact, plain_scores)
    assert len(tapes) == 1
    assert torch.equal(weights(replayed), weights(plain))
    assert replayed.losses == plain.losses
    for one, other in zip(scores, plain_scores, strict=True):
        assert torch.equal(one.compute(), other.compute())


def test_stored_labels_are_looked_up_at_each_step(blocks, exact, tapes, fresh_home):
    protocol = protocols.named("lpld").but(epochs=4)
    stored = store_labels(blocks, protocol, lambda inputs: inputs[:, :, 0, 0], "none", exact)
    fit(blocks, protocol, STUDENT, 0, exact, teacher=stored)
    assert tapes == []


@pytest.mark.parametrize(
    ("kind", "steps", "asked", "expected"),
    [
        ("cuda", replay._LEAST, None, True),
        ("cuda", replay._LEAST - 1, None, False),
        ("cuda", 1000, "0", False),
        ("cpu", 1000, None, False),
    ],
)
def test_what_is_recorded(kind, steps, asked, expected, monkeypatch):
    if asked is not None:
        monkeypatch.setenv("RDC_REPLAY", asked)
    assert replay.pays(torch.device(kind), steps) is expected


def test_a_step_that_cannot_be_recorded_says_what_to_do(monkeypatch):
    class Graph:
        def register_generator_state(self, draws):
            pass

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", lambda *_, **__: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    monkeypatch.setattr(replay, "_own_stream", lambda device: None)

    def step(rows):
        raise failure

    recorded = replay.Replayed(step, torch.Generator(), torch.device("cuda"))
    failure = RuntimeError("operation not permitted when stream is capturing")
    with pytest.raises(RuntimeError, match=r"not permitted .* set RDC_REPLAY=0"):
        recorded._record(torch.arange(3))
    failure = torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(torch.OutOfMemoryError, match=r"^CUDA out of memory$"):
        recorded._record(torch.arange(3))


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimiser": "sgd", "lr": 0.05},
        {"mix": "cutmix"},
        {"mix": "mixup"},
        {"view": "shuffle", "cutout": 0.5},
        {"labels": "soft"},
    ],
    ids=str,
)
def test_a_gpus_replayed_steps_are_the_steps_that_it_makes_one_by_one(
    changes, monkeypatch, teacher_on_gpu
):
    """Same draws, rates and weights, up to the order of sums; another seed is far away."""
    blocks, runtime, answer = colour_blocks(), *teacher_on_gpu
    changes = {"epochs": 12, "batch": 6} | changes
    kind = protocols.soft if changes.pop("labels", "hard") == "soft" else protocols.hard
    how = (blocks, kind(**changes), STUDENT)
    replayed, again = (fit(*how, 1, runtime, teacher=answer) for _ in range(2))
    other = fit(*how, 2, runtime, teacher=answer)
    monkeypatch.setenv("RDC_REPLAY", "0")
    alone = fit(*how, 1, runtime, teacher=answer)
    far = (weights(other) - weights(alone)).norm()
    assert (weights(replayed) - weights(alone)).norm() < 0.02 * far
    assert (weights(replayed) - weights(again)).norm() < 0.02 * far
    assert replayed.losses == pytest.approx(alone.losses, rel=0.01)


@pytest.fixture
def teacher_on_gpu():
    """The GPU in fp32, and a teacher's answers on it."""
    runtime = Runtime(torch.device("cuda"), "fp32", channels_last=False)
    model = models.build("convnet2-w8-bn", 3, 16).cuda().eval().requires_grad_(False)
    return runtime, lambda inputs: model(inputs).detach()


@pytest.mark.gpu
@needs_gpu
def test_a_gpus_recorded_training_goes_on_from_a_checkpoint(tmp_path, monkeypatch):
    runtime = Runtime(torch.device("cuda"), "fp32", channels_last=False)
    blocks, protocol = colour_blocks(), protocols.hard(epochs=20, batch=6)
    straight = fit(blocks, protocol, STUDENT, 1, runtime)
    monkeypatch.setattr(training, "CHECKPOINT_EVERY", 0.0)
    with dying_in(9), pytest.raises(KeyboardInterrupt):
        fit(blocks, protocol, STUDENT, 1, runtime, checkpoint=tmp_path / "checkpoint.npz")
    resumed = fit(blocks, protocol, STUDENT, 1, runtime, checkpoint=tmp_path / "checkpoint.npz")
    other = fit(blocks, protocol, STUDENT, 2, runtime)
    far = (weights(straight) - weights(other)).norm()
    assert (weights(straight) - weights(resumed)).norm() < 0.02 * far
