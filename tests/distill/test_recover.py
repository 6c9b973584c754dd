"""The shared recover loop: known answers and properties."""

import copy
import multiprocessing
import time
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

import rdc_kit as rdc
from rdc_kit.distill import recover as loop
from rdc_kit.distill.rded import rded
from rdc_kit.distill.recipes import RECIPES, Recipe, recipe
from rdc_kit.distill.recover import recover
from rdc_kit.ground.arrays import load_arrays
from rdc_kit.ground.device import Runtime
from rdc_kit.train.teachers import squeeze

from ..conftest import colour_blocks
from .conftest import inputs_of

SHORT = Recipe(iterations=40, lr=0.1, jitter=2)


def test_a_teacher_without_batch_norm_or_in_train_mode_is_refused(blocks, exact, teacher):
    plain = squeeze(blocks, "convnet2-w8", 20, runtime=exact)
    with pytest.raises(ValueError, match="this teacher has no batch norm"):
        recover(blocks, 1, SHORT, plain, runtime=exact)
    teacher.models[0].train()
    with pytest.raises(ValueError, match="teacher is in train mode"):
        recover(blocks, 1, SHORT, teacher, runtime=exact)
    with pytest.raises(ValueError, match="teacher is in train mode"):
        rded(blocks, 1, teacher, runtime=exact)


def test_statistics_by_class_need_an_image_of_every_class(fresh_home, blocks, exact, teacher):
    """Else those of the empty class are NaN, and its images black."""
    lacking = blocks[blocks.labels != 1]
    how = replace(SHORT, iterations=2, by_class=True)
    with pytest.raises(rdc.DataError, match="classes without images: 1; this recipe"):
        recover(lacking, 1, how, teacher, runtime=exact)
    assert len(recover(lacking, 1, replace(SHORT, iterations=2), teacher, runtime=exact)) == 3
    made = recover(blocks, 1, how, teacher, runtime=exact)
    assert all(image.max() > 0 for image in made.images)


def test_a_short_run_lowers_both_losses_and_is_known_by_the_teacher(
    fresh_home, blocks, exact, teacher
):
    made = recover(blocks, 2, replace(SHORT, iterations=150), teacher, runtime=exact)
    facts = made.provenance
    assert facts["statistics_last"] < 0.5 * facts["statistics_first"]
    assert facts["ce_last"] < 0.5 * facts["ce_first"]
    assert teacher.accuracy_on(made, exact) == 100
    assert made.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert facts["teacher_top1"] == 100


def test_cda_with_milestone_0_is_sre2l(fresh_home, blocks, exact):
    options = {"teacher_epochs": 20, "iterations": 10, "runtime": exact}
    crop = replace(recipe("cda", 64), milestone=0.0, lr=0.1, weight=1.0)
    assert crop == recipe("sre2l", 64)
    small = colour_blocks(size=40)  # the published 64 px settings, both with crops
    cda, sre2l = (
        rdc.compress("cda", small, 2, milestone=0.0, lr=0.1, weight=1.0, **options),
        rdc.compress("sre2l", small, 2, **options),
    )
    curriculum = rdc.compress("cda", small, 2, lr=0.1, weight=1.0, **options)
    assert torch.equal(cda.images, sre2l.images)
    assert not torch.equal(curriculum.images, sre2l.images)


def test_dwa_leaves_the_teacher_as_it_was_and_moves_a_copy_by_rho(blocks, exact, teacher):
    model = teacher.models[0]
    before = copy.deepcopy(model.state_dict())
    moved = loop.perturb(model, inputs_of(blocks), blocks.labels, 4, 0.1)
    recover(blocks, 1, replace(SHORT, real=True, perturb=3), teacher, runtime=exact)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    steps = [a - b for a, b in zip(moved.parameters(), model.parameters(), strict=True)]
    length = torch.stack([s.norm() for s in steps]).norm()
    assert 0.05 < length.item() <= 0.1 + 1e-6
    for one, other in zip(moved.buffers(), model.buffers(), strict=True):
        assert torch.equal(one, other)
    loss = [F.cross_entropy(m(inputs_of(blocks)), blocks.labels).item() for m in (model, moved)]
    assert loss[1] > loss[0]  # uphill
    assert not any(p.requires_grad for p in moved.parameters())


def test_dwa_starts_from_real_images(fresh_home, blocks, exact, teacher):
    still = replace(SHORT, iterations=1, lr=1e-9, real=True)
    made = recover(blocks, 2, still, teacher, seed=4, runtime=exact)
    assert torch.equal(made.images, rdc.select(blocks, None, 2, "random", 4).images)


@pytest.mark.parametrize("size", [32, 64, 224])
def test_every_recipe_is_spread_into_batches_that_hold_each_image_once(size):
    for name in RECIPES:
        how = recipe(name, size)
        parts = loop.batches(12, 30, how)
        assert torch.cat(parts).sort().values.tolist() == list(range(360))
        assert all(len(part) <= how.batch for part in parts)
        labels = [set((part // 12).tolist()) for part in parts]
        if name == "lpld":
            assert all(len(found) == 1 for found in labels)
        if name == "sre2l":
            assert len(labels[0]) == 30  # each class once before the second of any


def test_a_recovered_set_comes_back_the_same(tmp_path, fresh_home, blocks, teacher):
    made = recover(blocks, 1, replace(SHORT, iterations=3), teacher)
    made.save(tmp_path / "set")
    assert torch.equal(rdc.load(f"parquet:{tmp_path / 'set'}").train.images, made.images)


def _recover_slowly(how, home):
    import os

    os.environ["RDC_HOME"] = str(home)
    torch.set_num_threads(1)
    exact = Runtime(torch.device("cpu"), "fp32", channels_last=False)
    blocks = colour_blocks()
    teacher = squeeze(blocks, epochs=20, runtime=exact)
    recover(blocks, 2, how, teacher, runtime=exact)


def test_a_killed_synthesis_keeps_its_batches_and_ends_the_same(
    fresh_home, blocks, exact, monkeypatch
):
    how = replace(SHORT, iterations=400, batch=1)
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_recover_slowly, args=(how, fresh_home))
    process.start()
    limit = time.monotonic() + 120
    while not list(fresh_home.glob("data/runs/sets/*/batch-1.npz")):
        assert process.is_alive(), "it ended before it could be killed"
        assert time.monotonic() < limit
        time.sleep(0.01)
    process.kill()
    process.join()
    kept = sorted(fresh_home.glob("data/runs/sets/*/batch-*.npz"))
    assert 2 <= len(kept) < 6
    contents = {path.name: load_arrays(path) for path in kept}
    images = {name: content["images"] for name, content in contents.items()}
    before = sum(content["seconds"] for content in contents.values())
    real, redone = loop._Worker.recover, []

    def counted(self, labels, start, seed, k):
        redone.append(k)
        return real(self, labels, start, seed, k)

    monkeypatch.setattr(loop._Worker, "recover", counted)
    teacher = squeeze(blocks, epochs=20, runtime=exact)
    made = recover(blocks, 2, how, teacher, runtime=exact)
    assert redone == [k for k in range(6) if f"batch-{k}.npz" not in images]
    order = torch.cat(loop.batches(2, 3, how)).tolist()
    for name, pixels in images.items():
        k = int(name.removeprefix("batch-").removesuffix(".npz"))
        assert torch.equal(made.images[order[k]], pixels[0])
    assert not list(fresh_home.glob("data/runs/sets/*/batch-*.npz"))
    assert made.provenance["make_seconds"] >= round(before, 1) > 0  # not of the last call alone


def test_a_moving_average_does_not_outlive_its_batch(tmp_path, blocks, exact, monkeypatch):
    """Else a synthesis that was stopped between batches would end with other images."""
    how = replace(SHORT, iterations=5, batch=2, convolutions=True, momentum=0.8, drop=0.4)
    monkeypatch.setenv("RDC_HOME", str(tmp_path / "straight"))
    teacher = squeeze(blocks, epochs=20, runtime=exact)
    straight = recover(blocks, 2, how, teacher, runtime=exact)
    monkeypatch.setenv("RDC_HOME", str(tmp_path / "stopped"))
    real = loop._Worker.recover

    def stops_at_2(self, labels, start, seed, k):
        if k == 2:
            raise KeyboardInterrupt
        return real(self, labels, start, seed, k)

    monkeypatch.setattr(loop._Worker, "recover", stops_at_2)
    with pytest.raises(KeyboardInterrupt):
        recover(blocks, 2, how, teacher, runtime=exact)
    monkeypatch.setattr(loop._Worker, "recover", real)
    assert torch.equal(recover(blocks, 2, how, teacher, runtime=exact).images, straight.images)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_on_a_gpu_the_same_losses_fall_and_labels_replay(fresh_home, blocks):
    """Not the same bits as on a CPU: the same behaviour, device by device."""
    from rdc_kit.ground.device import choose_runtime
    from rdc_kit.train import protocols, stored_labels
    from rdc_kit.train.training import fit

    runtime = choose_runtime("cuda")
    teacher = squeeze(blocks, epochs=20, runtime=runtime)
    for name in ("sre2l", "dwa", "lpld", "gvbsm"):
        made = rdc.compress(
            name, blocks, 2, runtime=runtime, iterations=100, teacher_epochs=20, lr=0.1
        )
        assert made.provenance["statistics_last"] < made.provenance["statistics_first"]
        assert made.images.device.type == "cpu"
    chosen = rded(blocks, 1, teacher, drawn=6, runtime=runtime)
    assert chosen.provenance["crop_loss"] <= chosen.provenance["drawn_loss"]
    recipe = protocols.named("fkd").but(epochs=5)
    kept = stored_labels.store_labels(
        blocks, recipe, teacher.answering(runtime), teacher.key, runtime
    )
    for protocol, given in ((recipe, kept), (protocols.soft(epochs=5), teacher.answering(runtime))):
        fitted = fit(blocks, protocol, "convnet2-w8", 0, runtime, teacher=given)
        assert fitted.losses[-1] < fitted.losses[0]


def test_dwa_leaves_weights_that_a_network_does_not_use(blocks, teacher):
    """They ended it in torch's words."""
    model = copy.deepcopy(teacher.models[0])
    model.unused = torch.nn.Linear(2, 2)
    before = model.unused.weight.clone()
    own, plain = (
        loop.perturb(network, inputs_of(blocks), blocks.labels, 2, 0.1)
        for network in (model, teacher.models[0])
    )
    assert torch.equal(own.unused.weight, before)
    for name, weight in plain.named_parameters():
        assert torch.equal(weight, own.get_parameter(name)), name
