"""Teachers: trained once, frozen, checked; published weights only where they fit."""

import pytest
import torch

from rdc_kit.data.imagesets import DataError
from rdc_kit.train import teachers
from rdc_kit.train.teachers import squeeze

from ..conftest import colour_blocks


def test_a_teacher_is_trained_once_and_comes_back_the_same(fresh_home, exact, blocks, monkeypatch):
    key = teachers.key_of(blocks.fingerprint(), "convnet2-w8-bn", 20, 0, exact)
    assert not teachers.is_trained(key)
    first = squeeze(blocks, epochs=20, runtime=exact)
    assert first.names == ("convnet2-w8-bn",)  # the source's student, with batch norm
    assert first.key == key
    assert teachers.is_trained(key)
    monkeypatch.setattr(teachers, "fit", None)  # a second training would fail
    again = squeeze(blocks, epochs=20, runtime=exact)
    inputs = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert torch.equal(first.answering(exact)(inputs), again.answering(exact)(inputs))
    assert first.pool_top1 == again.pool_top1 > 90
    assert again.accuracy_on(colour_blocks(seed=0), exact) > 90


def test_an_ensemble_answers_with_the_mean_of_its_logits(fresh_home, exact, blocks):
    both = squeeze(blocks, ["convnet2-w8-bn", "convnet1-w8-bn"], 20, runtime=exact)
    inputs = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    one, other = (model(inputs) for model in both.models)
    assert torch.allclose(both.answering(exact)(inputs), (one + other) / 2)


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
    with pytest.raises(DataError, match=r"of the pool that it was trained on, less than 60\.0 %"):
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
    found = teachers._published("resnet18", 1000)
    assert torch.equal(found.conv1.weight, model.conv1.weight)
    assert not found.training
