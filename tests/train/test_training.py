"""The loop: learns, repeats bitwise, resumes bitwise and stops on NaN."""

import multiprocessing
import signal
import time

import pytest
import torch

import rdc_kit as rdc
from rdc_kit.augment.views import make_view
from rdc_kit.ground.device import Runtime, choose_runtime
from rdc_kit.ground.seeds import generator
from rdc_kit.train import protocols, training
from rdc_kit.train.training import Diverged, fit

from ..conftest import colour_blocks

STUDENT = "convnet2-w8"


def weights(fitted):
    return torch.cat([p.detach().flatten() for p in fitted.model.parameters()])


def test_the_same_seed_twice_is_bitwise_equal(blocks, exact):
    protocol = rdc.protocols.hard(epochs=3, batch=5, cutout=0.3, mix="cutmix")
    one, again = (fit(blocks, protocol, STUDENT, 4, exact) for _ in range(2))
    other = fit(blocks, protocol, STUDENT, 5, exact)
    assert torch.equal(weights(one), weights(again))
    assert one.losses == again.losses
    assert not torch.equal(weights(one), weights(other))


class Log:
    """A recorder that remembers what it was told."""

    def __init__(self):
        self.seen = []

    def update(self, epoch, rows, logits, labels):
        assert logits.dtype == torch.float32
        self.seen += [(epoch, int(row), int(label)) for row, label in zip(rows, labels)]  # noqa: B905

    def state(self):
        return {}

    def restore(self, state):
        pass


def test_recorders_see_every_row_once_per_epoch_though_batches_are_filled_up(blocks, exact):
    log = Log()
    fitted = fit(blocks, rdc.protocols.hard(epochs=3, batch=7), STUDENT, 0, exact, [log])
    assert (fitted.steps, fitted.batch, fitted.views) == (9, 7, 63)  # 18 rows: 7 + 7 + 4 filled
    for epoch in range(3):
        rows = [row for e, row, _ in log.seen if e == epoch]
        assert sorted(rows) == list(range(18))
    assert all(label == int(blocks.labels[row]) for _, row, label in log.seen)


def test_resume_equals_an_undisturbed_run(blocks, exact, tmp_path, monkeypatch):
    protocol = rdc.protocols.hard(epochs=6, batch=5)
    straight = fit(blocks, protocol, STUDENT, 1, exact)
    monkeypatch.setattr(training, "CHECKPOINT_EVERY", 0.0)
    real, path = training._train_epoch, tmp_path / "checkpoint.pt"

    def dies_in_epoch_4(state, *rest):
        if state.epoch == 4:
            raise KeyboardInterrupt
        real(state, *rest)

    monkeypatch.setattr(training, "_train_epoch", dies_in_epoch_4)
    with pytest.raises(KeyboardInterrupt):
        fit(blocks, protocol, STUDENT, 1, exact, checkpoint=path)
    monkeypatch.setattr(training, "_train_epoch", real)
    resumed = fit(blocks, protocol, STUDENT, 1, exact, checkpoint=path)
    assert torch.equal(weights(straight), weights(resumed))
    assert straight.losses == resumed.losses


def _train_for_long(path, threads):
    training.CHECKPOINT_EVERY = 0.0
    torch.set_num_threads(threads)  # another number of threads adds up floats in another order
    exact = Runtime(torch.device("cpu"), "fp32", channels_last=False)
    fit(colour_blocks(), rdc.protocols.hard(epochs=60, batch=5), STUDENT, 1, exact, checkpoint=path)


def test_a_run_killed_without_warning_continues_to_the_same_end(tmp_path, exact):
    """SIGKILL in the middle, as the system does when memory runs out."""
    path = tmp_path / "checkpoint.pt"
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_train_for_long, args=(path, torch.get_num_threads()))
    process.start()
    limit = time.monotonic() + 120
    while not path.exists() and process.is_alive() and time.monotonic() < limit:
        time.sleep(0.02)
    process.kill()
    process.join()
    assert process.exitcode in (-signal.SIGKILL, 0)
    assert path.exists()
    protocol = rdc.protocols.hard(epochs=60, batch=5)
    resumed = fit(colour_blocks(), protocol, STUDENT, 1, exact, checkpoint=path)
    straight = fit(colour_blocks(), protocol, STUDENT, 1, exact)
    assert torch.equal(weights(straight), weights(resumed))


def test_a_loss_that_is_not_finite_stops_with_epoch_step_and_lr(blocks, exact):
    with pytest.raises(Diverged, match=r"at epoch \d+, step \d+, lr 1.00e\+30"):
        fit(blocks, rdc.protocols.hard(epochs=5, lr=1e30, optimiser="sgd"), STUDENT, 0, exact)


def test_bf16_is_as_accurate_as_fp32_on_digits(digits, exact):
    """Within one seed sd, the difference that a change of seed alone makes."""
    if choose_runtime("cpu").precision != "bf16":
        pytest.skip("this processor has no bf16")
    pool, test = digits
    stored = rdc.compress("random", pool, ipc=5)
    protocol = rdc.protocols.hard(epochs=60)
    fast = Runtime(torch.device("cpu"), "bf16", channels_last=True)
    results = [rdc.evaluate(stored, test, protocol, 3, runtime=r) for r in (fast, exact)]
    spread = max(results[0].sd, results[1].sd)
    assert abs(results[0].mean - results[1].mean) <= max(spread, 1.0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
def test_a_gpu_trains_to_the_cpus_accuracy(digits):
    pool, test = digits
    stored = rdc.compress("random", pool, ipc=5)
    protocol = rdc.protocols.hard(epochs=60)
    gpu, cpu = (
        rdc.evaluate(stored, test, protocol, 3, runtime=choose_runtime(d)) for d in ("cuda", "cpu")
    )
    assert abs(gpu.mean - cpu.mean) <= 2 * max(gpu.sd, cpu.sd, 1.0)


def test_training_without_the_labels_it_needs_is_refused(blocks, exact):
    with pytest.raises(ValueError, match="needs a teacher"):
        fit(blocks, protocols.soft(epochs=1), STUDENT, 0, exact)
    with pytest.raises(ValueError, match="needs stored labels"):
        fit(blocks, protocols.named("lpld").but(epochs=1), STUDENT, 0, exact)
    with pytest.raises(ValueError, match="'ce' does not fit soft labels"):
        protocols.soft(loss="ce")


def test_the_teacher_is_asked_of_the_same_mixed_pixels_that_the_student_sees(exact, blocks):
    asked = []

    def answer(inputs):
        asked.append(inputs.clone())
        return torch.zeros(len(inputs), 3)

    recipe = protocols.soft(epochs=1, batch=6)
    fit(blocks, recipe, STUDENT, 0, exact, teacher=answer)
    assert [len(batch) for batch in asked] == [6, 6, 6]
    view = make_view(blocks.traits, 16, scale=(0.5, 1.0), mix="cutmix", num_classes=3)
    order = torch.randperm(18, generator=generator(0, "order", 0))[:6]
    seen, _ = view(blocks.images[order], blocks.labels[order], generator(0, "views", 0))
    assert torch.equal(asked[0], seen)
