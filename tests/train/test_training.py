"""The loop: learns, repeats bitwise, resumes bitwise and stops on NaN."""

import multiprocessing
import signal
import time
from dataclasses import replace
from unittest import mock

import pytest
import torch

import rdc_kit as rdc
from rdc_kit.augment.views import make_view
from rdc_kit.ground.device import Runtime, choose_runtime
from rdc_kit.ground.seeds import generator
from rdc_kit.prune.recorders import Forgetting, MeanScore, error_norm, margin
from rdc_kit.train import lessons, models, protocols, training
from rdc_kit.train.accuracy import predict
from rdc_kit.train.training import Diverged, fit

from ..conftest import colour_blocks, fake_set

STUDENT = "convnet2-w8"


def weights(fitted):
    return torch.cat([p.detach().flatten().cpu() for p in fitted.model.parameters()])


def test_the_same_seed_twice_is_bitwise_equal(blocks, exact):
    protocol = rdc.protocols.hard(epochs=3, batch=5, cutout=0.3, mix="cutmix")
    one, again = (fit(blocks, protocol, STUDENT, 4, exact) for _ in range(2))
    other = fit(blocks, protocol, STUDENT, 5, exact)
    assert torch.equal(weights(one), weights(again))
    assert one.losses == again.losses
    assert not torch.equal(weights(one), weights(other))
    with pytest.raises(ValueError, match="a seed must be a whole number, got None"):
        fit(blocks, protocol, STUDENT, None, exact)


def dying_in(epoch):
    """A context in which trainings are interrupted as soon as they reach an epoch."""
    real = training._train_epoch

    def dies(state, *rest):
        if state.epoch == epoch:
            raise KeyboardInterrupt
        real(state, *rest)

    return mock.patch.object(training, "_train_epoch", dies)


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
    path = tmp_path / "checkpoint.npz"
    with dying_in(4), pytest.raises(KeyboardInterrupt):
        fit(blocks, protocol, STUDENT, 1, exact, checkpoint=path)
    resumed = fit(blocks, protocol, STUDENT, 1, exact, checkpoint=path)
    assert torch.equal(weights(straight), weights(resumed))
    assert straight.losses == resumed.losses


def test_a_training_does_not_go_on_in_another_arithmetic(blocks, exact, tmp_path, monkeypatch):
    """One that had begun in fp32 went on in bf16, without a word."""
    monkeypatch.setattr(training, "CHECKPOINT_EVERY", 0.0)
    protocol, path = rdc.protocols.hard(epochs=3, batch=5), tmp_path / "mine.npz"
    with dying_in(1), pytest.raises(KeyboardInterrupt):
        fit(blocks, protocol, STUDENT, 1, exact, checkpoint=path)
    with pytest.raises(ValueError, match="another set, protocol, network, seed, precision, device"):
        fit(blocks, protocol, STUDENT, 1, replace(exact, precision="bf16"), checkpoint=path)


def _train_for_long(path, threads):
    training.CHECKPOINT_EVERY = 0.0
    torch.set_num_threads(threads)  # another number of threads adds up floats in another order
    exact = Runtime(torch.device("cpu"), "fp32", channels_last=False)
    fit(colour_blocks(), rdc.protocols.hard(epochs=60, batch=5), STUDENT, 1, exact, checkpoint=path)


def test_a_run_killed_without_warning_continues_to_the_same_end(tmp_path, exact):
    """SIGKILL in the middle, as the system does when memory runs out."""
    path = tmp_path / "checkpoint.npz"
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


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"protocol": "hard"}, "protocol must be of the kind Protocol"),
        ({"runtime": "cpu"}, "runtime must be of the kind Runtime"),
        ({"images": [1]}, "images must be of the kind ImageSet"),
        ({"images": colour_blocks()[[]]}, "the set is empty"),
        ({"images": replace(colour_blocks(), labels=torch.zeros(18))}, "must be int64"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(given, told):
    """An empty set ended in a division by zero, a text as the device in an AttributeError."""
    with pytest.raises(ValueError, match=told):
        fit(**{"images": colour_blocks(), "protocol": protocols.hard(epochs=1)} | given)


def test_one_image_at_a_time_needs_more_than_one_pixel_to_be_normalised_by(exact, monkeypatch):
    """It ended in torch's words on values per channel."""
    pool, one = colour_blocks(size=32), rdc.protocols.hard(epochs=1, batch=1)
    with monkeypatch.context() as patch:
        patch.setattr(training, "_train_epoch", None)
        for images, protocol in ((pool, one), (pool[[0]], one.but(batch=9))):
            with pytest.raises(ValueError, match=r"'resnet18' shrinks images of 32 px .* least 2"):
                fit(images, protocol, "resnet18", runtime=exact)
    for student in ("convnet4-w8-bn", "convnet5-w8"):
        assert fit(pool, one, student, runtime=exact).steps == len(pool)
    assert fit(pool[[0, 1]], one.but(batch=2), "resnet18", runtime=exact).steps == 1


def test_a_checkpoint_may_be_named_by_a_text(blocks, exact, tmp_path, monkeypatch):
    """One that was damaged then ended in an AttributeError; and ~ is the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    protocol = protocols.hard(epochs=1)
    (tmp_path / "mine.npz").write_bytes(b"damaged")
    monkeypatch.setattr(training, "CHECKPOINT_EVERY", 0.0)
    fit(blocks, protocol, STUDENT, 1, exact, checkpoint="~/mine.npz")
    assert (tmp_path / "mine.npz").stat().st_size > 1000
    assert len(list(tmp_path.iterdir())) == 2  # the damaged one was set aside


def test_a_folder_is_no_checkpoint_and_stays_where_it_is(blocks, exact, tmp_path):
    """It was taken for a damaged one and renamed; at the second time the first was removed."""
    folder = tmp_path / "my work"
    folder.mkdir()
    (folder / "thesis.tex").write_text("all of it")
    with pytest.raises(ValueError, match=r"my work is a folder: name a file in it, .*\.npz"):
        fit(blocks, protocols.hard(epochs=1), STUDENT, 1, exact, checkpoint=folder)
    assert [path.name for path in tmp_path.rglob("*")] == ["my work", "thesis.tex"]


def test_a_protocol_whose_loss_does_not_fit_its_labels_is_refused():
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


class _Draws(torch.Generator):
    """Stands for a generator on the GPU, which cannot be made without one."""

    device = torch.device("cuda")

    def manual_seed(self, seed):
        return self


class _ReachedTheEnd(Exception):
    """The epoch is over, where the losses are read, once."""


@pytest.fixture
def pretended_loop(pretended, monkeypatch):
    """The pretended GPU for a training loop, whose gradients are left out."""
    real = training.generator

    def drawn(*path, device="cpu"):
        return _Draws() if torch.device(device).type == "cuda" else real(*path)

    def over(*_):
        raise _ReachedTheEnd

    monkeypatch.setattr(training, "generator", drawn)
    monkeypatch.setattr(training, "_check_finite", over)
    monkeypatch.setattr(torch.Tensor, "backward", lambda self: None)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10**9, 10**9))
    return pretended


def one_epoch(runtime, protocol, recorders=(), answer=None):
    images = fake_set()
    with torch.device("cuda"):
        model = models.build("convnet2-w8", 3, 16)
    state = training.State(model, training.make_optimiser(model, protocol), recorders)
    feed = lessons.Feed(images, 5, runtime.device)
    lesson = lessons.lesson_of(images, protocol, feed, answer, runtime)
    draws = training.generator(0, "views", device="cuda")
    step = training._step_of(state, lesson, protocol, draws, runtime)
    training._train_epoch(state, feed, step, draws, protocol, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"view": "shuffle", "cutout": 0.5},
        {"mix": "mixup"},
        {"mix": "cutmix"},
        {"loss": "ce_unmixed", "mix": "cutmix"},
    ],
    ids=str,
)
def test_a_step_on_a_gpu_mixes_no_devices_and_reads_nothing_back(pretended_loop, changes):
    recorders = [MeanScore(error_norm, 18), MeanScore(margin, 18), Forgetting(18)]
    with pytest.raises(_ReachedTheEnd):
        one_epoch(pretended_loop, protocols.hard(**changes), recorders)


def test_so_does_a_step_with_a_teacher(pretended_loop):
    with torch.device("cuda"):
        teacher = models.build("convnet2-w8-bn", 3, 16).eval()
    with pytest.raises(_ReachedTheEnd):
        one_epoch(pretended_loop, protocols.soft(), answer=lambda inputs: teacher(inputs).detach())


def test_evaluation_on_a_gpu_brings_logits_home(pretended):
    with torch.device("cuda"):
        model = models.build("convnet2-w8", 3, 16)
    assert predict(model, fake_set(), pretended, batch=7).device.type == "cpu"


def test_the_pretended_gpu_notices_what_it_is_for(pretended_loop):
    """A network on the host, and a number that is read back in a step."""
    model = models.build("convnet2-w8", 3, 16)
    with pytest.raises(RuntimeError, match="same device"):
        model(torch.zeros(2, 3, 16, 16, device="cuda"))
    with pytest.raises(Exception, match="_local_scalar_dense"):
        one_epoch(pretended_loop, protocols.hard(), answer=None, recorders=[_Reader()])


class _Reader:
    """A recorder that waits for the device at every step."""

    def update(self, epoch, rows, logits, labels):
        float(logits.sum())
