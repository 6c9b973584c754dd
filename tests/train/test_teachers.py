"""Teachers: trained once, frozen, checked; published weights only where they fit."""

import contextlib
import copy
import dataclasses
import shutil

import numpy as np
import pytest
import torch

from rdc_kit.data.imagesets import DataError
from rdc_kit.ground import store
from rdc_kit.ground.arrays import load_arrays
from rdc_kit.ground.device import Runtime
from rdc_kit.ground.files import read_json
from rdc_kit.ground.folders import evidence_dir
from rdc_kit.train import labels, models, protocols, teachers, training
from rdc_kit.train.evaluation import evaluate
from rdc_kit.train.teachers import squeeze

from ..conftest import colour_blocks, fake_set


def test_a_teacher_is_trained_once_and_comes_back_the_same(fresh_home, exact, blocks, monkeypatch):
    key = teachers.key_of(blocks.fingerprint(), "convnet2-w8-bn", 20, 0, exact)
    assert not teachers.is_trained(key)
    first = squeeze(blocks, epochs=20, runtime=exact)
    assert first.names == ("convnet2-w8-bn",)  # the source's student, with batch norm
    assert first.key == key
    assert teachers.is_trained(key)
    monkeypatch.setattr(teachers, "fit", None)  # a second training would fail
    again = squeeze(blocks, epochs=np.int64(20), seed=np.int64(0), runtime=exact)
    inputs = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert torch.equal(first.answering(exact)(inputs), again.answering(exact)(inputs))
    assert first.pool_top1 == again.pool_top1 > 90
    assert again.accuracy_on(colour_blocks(seed=0), exact) > 90


def test_a_teacher_that_came_with_the_kit_is_not_trained_again(
    fresh_home, exact, blocks, monkeypatch, tmp_path, capsys
):
    key = teachers.key_of(blocks.fingerprint(), "convnet2-w8-bn", 20, 0, exact)
    first = squeeze(blocks, epochs=20, runtime=exact)
    came = tmp_path / "evidence" / "teachers" / key
    shutil.copytree(fresh_home / "data" / "runs" / "teachers" / key, came)
    monkeypatch.setattr(teachers, "evidence_dir", lambda: tmp_path / "evidence")
    monkeypatch.setenv("RDC_HOME", str(tmp_path / "another"))
    assert teachers.is_trained(key)
    train, trained = teachers.fit, []
    monkeypatch.setattr(teachers, "fit", lambda *a, **k: trained.append(a) or train(*a, **k))
    again = squeeze(blocks, epochs=20, runtime=exact)
    assert "from data/evidence/teachers, not trained again" in capsys.readouterr().out
    assert (again.key, again.pool_top1) == (first.key, first.pool_top1)
    inputs = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert torch.equal(first.answering(exact)(inputs), again.answering(exact)(inputs))
    assert trained == []
    gpu = Runtime(torch.device("cuda"), "fp32", channels_last=False)
    assert teachers.key_of(blocks.fingerprint(), "convnet2-w8-bn", 20, 0, gpu) == key
    damaged = (came / "weights.npz").read_bytes()[:-100]
    (came / "weights.npz").write_bytes(damaged)
    monkeypatch.setenv("RDC_HOME", str(tmp_path / "a-third"))
    squeeze(blocks, epochs=20, runtime=exact)
    assert len(trained) == 1


def _fits(model, weights):
    """Whether a network takes these weights, all of them and in their shapes."""
    own = model.state_dict()
    return {k: v.shape for k, v in own.items()} == {k: v.shape for k, v in weights.items()}


def test_the_committed_teachers_are_whole():
    homes = [*(evidence_dir() / "teachers").iterdir()]
    assert homes
    for home in homes:
        config = read_json(home / "config.json")
        assert store.config_hash(config) == home.name
        weights = load_arrays(home / "weights.npz")
        trained = [
            size for size in (32, 64) if _fits(models.build(config["network"], 10, size), weights)
        ]
        assert trained, home.name
        assert store.result_of(home)["top1"] > 60


def test_an_ensemble_answers_with_the_mean_of_its_logits(fresh_home, exact, blocks):
    both = squeeze(blocks, ["convnet2-w8-bn", "convnet1-w8-bn"], 20, runtime=exact)
    inputs = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    one, other = (model(inputs) for model in both.models)
    assert torch.allclose(both.answering(exact)(inputs), (one + other) / 2)


def test_the_accuracy_of_an_ensemble_on_its_pool_is_kept(fresh_home, exact, blocks, monkeypatch):
    """Each set that an ensemble recovers took a pass over the whole pool first."""
    names = ["convnet2-w8-bn", "convnet1-w8-bn"]
    first = squeeze(blocks, names, 20, runtime=exact)
    assert first.pool_top1 == first.accuracy_on(blocks, exact) > 90
    monkeypatch.setattr(teachers, "predict", None)  # to look at the pool again would fail
    assert squeeze(blocks, names, 20, runtime=exact).pool_top1 == first.pool_top1


def test_so_is_that_of_published_weights_for_each_pool(fresh_home, exact, blocks, monkeypatch):
    def first_class(inputs):
        looks.append(len(inputs))
        return torch.eye(1000)[torch.zeros(len(inputs), dtype=torch.int64)]

    looks, model = [], torch.nn.Identity()
    model.forward = first_class
    monkeypatch.setattr(teachers, "_published", lambda name: model.eval())
    pool = dataclasses.replace(blocks, classes=tuple(map(str, range(1000))))
    for images, top1 in ((pool, 100 / 3), (pool, 100 / 3), (pool[pool.rows_of(0)], 100.0)):
        found = squeeze(images, "torchvision:resnet18", runtime=exact)
        assert found.pool_top1 == pytest.approx(top1)
    assert looks == [18, 6]


def test_a_teacher_in_train_mode_is_refused(fresh_home, exact, blocks):
    teacher = squeeze(blocks, epochs=20, runtime=exact)
    teacher.models[0].features[1].train()  # one layer is enough
    with pytest.raises(ValueError, match=r"teacher is in train mode: call \.eval"):
        teacher.answering(exact)
    teacher.models[0].eval().requires_grad_(True)
    with pytest.raises(ValueError, match="require gradients"):
        teacher.answering(exact)


def test_a_teacher_that_learned_nothing_is_refused(fresh_home, exact, blocks):
    noise = colour_blocks()
    shuffled = torch.randperm(len(noise), generator=torch.Generator().manual_seed(0))
    noise.labels[:] = noise.labels[shuffled]
    told = r"of the pool that it was trained on, less than 60\.0 %: give it more epochs than 1"
    with pytest.raises(DataError, match=told + r" \(`--teacher-epochs` in a command\), or check"):
        squeeze(noise, "convnet1-w4-bn", 1, runtime=exact)


def test_published_weights_need_imagenets_classes(blocks, exact):
    with pytest.raises(DataError, match="knows ImageNet-1K's 1000 classes, the pool has 3"):
        squeeze(blocks, "torchvision:resnet18", runtime=exact)


def test_published_weights_are_read_from_torchs_own_folder(tmp_path, monkeypatch):
    """As on a machine without a network where somebody put the file."""
    import torchvision

    weights = torchvision.models.ResNet18_Weights.IMAGENET1K_V1
    model = torchvision.models.resnet18()
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(model.state_dict(), folder / weights.url.rpartition("/")[2])
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    found = teachers._published("resnet18")
    assert torch.equal(found.conv1.weight, model.conv1.weight)
    assert not found.training


def test_batch_statistics_on_request_answer_as_in_training_and_change_nothing(exact, blocks):
    teacher = squeeze(blocks, epochs=20, runtime=exact)
    inputs = 3 + torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    before = {name: value.clone() for name, value in teacher.models[0].state_dict().items()}
    own, batch = (teacher.answering(exact, norm)(inputs) for norm in ("eval", "batch"))
    training = copy.deepcopy(teacher.models[0]).train()
    assert torch.allclose(batch, training(inputs), atol=1e-5)
    assert not torch.allclose(batch, own, atol=0.1)
    after = teacher.models[0].state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_protocol_asks_for_them(exact, blocks, monkeypatch):
    teacher = squeeze(blocks, epochs=20, runtime=exact)
    asked = []
    real = labels.by_batch
    monkeypatch.setattr(labels, "by_batch", lambda model: asked.append(1) or real(model))
    for norm in ("eval", "batch"):
        soft = protocols.soft(epochs=1, teacher_norm=norm)
        evaluate(blocks, blocks, soft, 1, "convnet2-w8", teacher=teacher, runtime=exact)
    assert asked == [1]


@pytest.mark.parametrize(
    ("classes", "least"), [(2, 55.0), (3, 40.0), (4, 32.5), (10, 19.0), (1000, 0.2)]
)
def test_a_teacher_of_few_classes_need_not_be_perfect(exact, monkeypatch, classes, least):
    """Twice chance is 100 % with two classes."""
    test = dataclasses.replace(fake_set(), classes=tuple(map(str, range(classes))))
    teacher = teachers.Teacher((), ("t",), "key", 90.0)
    monkeypatch.setattr(teachers.Teacher, "accuracy_on", lambda self, images, runtime: top1)
    top1 = least + 0.01
    assert teacher.tested_on(test, exact).test_top1 == top1
    top1 = least - 0.01
    with pytest.raises(DataError, match="classes in the same order"):
        teacher.tested_on(test, exact)


def test_a_checkpoint_of_another_teacher_is_refused(
    fresh_home, exact, blocks, monkeypatch, tmp_path
):
    monkeypatch.setattr(training, "CHECKPOINT_EVERY", 0.0)
    path, soft = tmp_path / "checkpoint.npz", protocols.soft(epochs=2)
    first, second = (squeeze(blocks, epochs=20, seed=seed, runtime=exact) for seed in (0, 1))
    how = {"seeds": 1, "runtime": exact, "checkpoint": path}
    result = evaluate(blocks, blocks, soft, teacher=first, **how)
    again = evaluate(blocks, blocks, soft, teacher=first, **how)
    for name in ("hits", "steps", "views"):
        assert again.rows[0][name] == result.rows[0][name]
    with pytest.raises(ValueError, match=r"another set, .* precision, device or teacher"):
        evaluate(blocks, blocks, soft, teacher=second, **how)


@pytest.mark.parametrize(
    ("later", "message"),
    [
        ("convnet5-w8-bn", "ConvNet of depth 5 needs images of 32 px, got 16"),
        ("convnet2-w6-bn", "width must be a multiple of 4, got 6"),
        ("resnet-18", "unknown network 'resnet-18'"),
        ("torchvision:resnet18", "the pool has 3"),
    ],
)
def test_an_ensemble_is_refused_before_its_first_network_is_trained(
    fresh_home, blocks, exact, later, message
):
    with pytest.raises(ValueError, match=message):
        squeeze(blocks, ["convnet2-w8-bn", later], 20, runtime=exact)
    first = teachers.key_of(blocks.fingerprint(), "convnet2-w8-bn", 20, 0, exact)
    assert not teachers.is_trained(first)


def test_another_kind_of_thing_is_refused_before_a_teacher_is_trained(blocks, monkeypatch):
    monkeypatch.setattr(training, "_train_epoch", None)
    with pytest.raises(ValueError, match="pool must be of the kind ImageSet"):
        squeeze((blocks, None))
    with pytest.raises(ValueError, match=r"runtime must be of the kind Runtime, .* got 'cpu'"):
        squeeze(blocks, runtime="cpu")


def test_a_teachers_norm_is_one_of_two_by_name(exact, teacher, blocks):
    """Any other word was taken for "eval"."""
    with pytest.raises(ValueError, match="unknown norm 'btach' - did you mean 'batch'"):
        teacher.answering(exact, "btach")


class Elsewhere(Runtime):
    """A device that is not the CPU, on every machine: its tensors have shapes and no numbers."""

    def autocast(self):
        return contextlib.nullcontext()


def test_a_teacher_from_another_device_is_moved_and_not_said_to_be_of_another_size(teacher, blocks):
    meta = Elsewhere(torch.device("meta"), "fp32", channels_last=False)
    teachers.check_teacher(blocks, teacher, meta)
    assert next(teacher.models[0].parameters()).device.type == "meta"


def test_a_teacher_in_double_precision_answers_in_float32(exact, teacher, blocks):
    inputs = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    before = teacher.answering(exact)(inputs), teacher.accuracy_on(blocks, exact)
    teacher.models[0].double()
    assert teacher.accuracy_on(blocks, exact) == before[1]
    teacher.models[0].double()
    teachers.check_teacher(blocks, teacher, exact)
    assert torch.equal(teacher.answering(exact)(inputs), before[0])


@pytest.mark.parametrize(("classes", "least"), [(2, 60), (3, 60), (4, 60), (5, 60), (6, 50)])
def test_more_classes_never_ask_more_of_a_teacher(monkeypatch, exact, classes, least):
    """Four classes asked 75 %, three and five 60 %."""
    pool = colour_blocks(classes=classes)
    for top1 in (least + 0.1, least - 0.1):
        monkeypatch.setattr(teachers, "_one", lambda *_, top1=top1: (torch.nn.Identity(), "", top1))
        if top1 > least:
            assert squeeze(pool, runtime=exact).pool_top1 == top1
        else:
            with pytest.raises(DataError, match=rf"less than {least}\.0 %"):
                squeeze(pool, runtime=exact)


def test_a_network_is_in_an_ensemble_once(monkeypatch, blocks, exact):
    """Of one name and one seed they are equal."""
    monkeypatch.setattr(teachers, "fit", None)
    with pytest.raises(ValueError, match="'convnet2-w8-bn' is named twice"):
        squeeze(blocks, ["convnet2-w8-bn"] * 4, runtime=exact)
