"""Networks by name, against torchvision's."""

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from rdc_kit.train import models
from rdc_kit.train.layers import Conv3x3


@pytest.mark.parametrize("size", [32, 64, 96])
def test_resnets_compute_what_torchvisions_do(size):
    """Our 3x3 convolution is a matrix product on tiny maps; outputs and gradients must agree."""
    ours = models.build("resnet18", 7, size, seed=3).double()
    theirs = torchvision.models.resnet18(num_classes=7).double()
    theirs.load_state_dict(ours.state_dict())
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(4, 3, size, size, generator=draw, dtype=torch.float64)
    found, expected = ours.train()(inputs), theirs.train()(inputs)
    assert torch.allclose(found, expected, rtol=1e-8)
    found.square().sum().backward()
    expected.square().sum().backward()
    for (name, mine), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(mine.grad, other.grad, rtol=1e-6, atol=1e-9), name
    assert sum(type(m) is Conv3x3 for m in ours.modules()) == 16


# Learned numbers of each architecture at 1000 classes, as torchvision publishes them.
PUBLISHED_SIZES = {
    "resnet18": 11_689_512,
    "mobilenet_v2": 3_504_872,
    "efficientnet_b0": 5_288_548,
    "shufflenet_v2_x0_5": 1_366_792,
    "swin_t": 28_288_354,
    "convnext_tiny": 28_589_128,
}


def parameters(name):
    return sum(p.numel() for p in models.build(name, 1000, 224).parameters())


@pytest.mark.parametrize(("name", "count"), PUBLISHED_SIZES.items())
def test_plain_networks_have_the_published_number_of_parameters(name, count):
    assert parameters(name) == count


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("resnet18", 64 * 3 * (3 * 3 - 7 * 7)),
        ("mobilenet_v2", 0),  # only strides differ
        ("efficientnet_b0", 0),
        ("shufflenet_v2_x0_5", 0),
        ("convnext_tiny", 96 * 3 * (2 * 2 - 4 * 4)),
        # Patches likewise; a window of w pixels has (2w - 1)^2 biases per head, in every block.
        ("swin_t", 96 * 3 * (2 * 2 - 4 * 4) + (2 * 3 + 2 * 6 + 6 * 12 + 2 * 24) * (7**2 - 13**2)),
    ],
)
def test_small_stems_change_no_more_than_the_stem(name, change):
    assert parameters(name + "-small") == PUBLISHED_SIZES[name] + change


def side_before_pooling(name, size):
    """Side of the map that the last spatial layer gives."""
    model, sides = models.build(name, 5, size).eval(), []
    layer = next(
        part for part in ("conv5", "layer4", "permute", "features") if hasattr(model, part)
    )
    getattr(model, layer).register_forward_hook(lambda m, i, out: sides.append(out.shape))
    with torch.no_grad():
        assert model(torch.randn(2, 3, size, size)).shape == (2, 5)
    return sides[0][-1]


@pytest.mark.parametrize(
    ("name", "plain", "small"),
    [
        ("resnet18", 1, 4),
        ("mobilenet_v2", 1, 2),
        ("efficientnet_b0", 1, 2),
        ("shufflenet_v2_x0_5", 1, 4),
        ("swin_t", 1, 2),
        ("convnext_tiny", 1, 2),
    ],
)
def test_small_stems_keep_a_larger_map(name, plain, small):
    """Sides at 32 px, by counting the halvings; at 64 px they are twice that."""
    assert side_before_pooling(name, 32) == plain
    assert side_before_pooling(name + "-small", 32) == small
    assert side_before_pooling(name + "-small", 64) == 2 * small


@pytest.mark.parametrize("name", ["mobilenet_v2", "swin_t", "convnext_tiny"])
def test_plain_stems_give_the_published_map_at_224_px(name):
    assert side_before_pooling(name, 224) == 7


@pytest.mark.parametrize(
    ("name", "size"),
    [("resnet50", 32), ("convnet3-w32", 32), ("convnet4", 64)],
)
def test_networks_give_logits(name, size):
    model = models.build(name, 5, size)
    assert model(torch.randn(2, 3, size, size)).shape == (2, 5)


@pytest.mark.parametrize(
    "name",
    [f"{plain}-small" for plain in PUBLISHED_SIZES]
    + ["swin_t", "convnext_tiny", "mobilenet_v2", "efficientnet_b0"],
)
def test_a_bf16_step_is_finite_and_hangs_on_the_seed_alone(name):
    """Batch 10 at 32 px, channels last; nothing is drawn from global random state."""
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(10, 3, 32, 32, generator=draw).to(memory_format=torch.channels_last)
    labels = torch.arange(10) % 5
    losses = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        before = torch.random.get_rng_state()
        model = models.build(name, 5, 32, seed=4).to(memory_format=torch.channels_last).train()
        optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
        for _ in range(2):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = model(inputs)
            loss = torch.nn.functional.cross_entropy(logits.float(), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        assert torch.equal(torch.random.get_rng_state(), before)
        assert all(p.isfinite().all() for p in model.parameters())
    assert losses[:2] == losses[2:]
    assert losses[0] != losses[1]


@pytest.mark.parametrize(
    ("name", "size", "expected"),
    [
        ("resnet18", 64, "resnet18-small"),
        ("resnet18", 65, "resnet18"),
        ("swin_t", 32, "swin_t-small"),
        ("convnext_tiny", 32, "convnext_tiny-small"),
        ("convnext_tiny", 224, "convnext_tiny"),
        ("mobilenet_v2-small", 32, "mobilenet_v2-small"),
        ("mobilenet_v2-small", 224, "mobilenet_v2-small"),
        ("convnet3-w128-bn", 32, "convnet3-w128-bn"),
    ],
)
def test_fitting_takes_the_small_stem_up_to_64_px(name, size, expected):
    assert models.fitting(name, size) == expected


@pytest.mark.parametrize("name", ["swin_t", "convnext_tiny-small", "torchvision:swin_t"])
def test_networks_with_layer_norm_are_no_teachers(name):
    with pytest.raises(ValueError, match="has layer norm"):
        models.with_batch_norm(name)


def test_a_seed_fixes_the_weights_and_leaves_global_state_alone():
    torch.manual_seed(11)
    before = torch.random.get_rng_state()
    one, again, other = (models.build("convnet2-w8", 3, 16, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    for a, b, c in zip(one.parameters(), again.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert a.ndim < 2 or not torch.equal(a, c)


@pytest.mark.parametrize(
    "name", ["resnet19", "convnet", "convnet3-width8", "", "swin_s", "swin", "convnet3-small"]
)
def test_unknown_networks_are_refused(name):
    for refuse in (lambda: models.build(name, 10, 32), lambda: models.fitting(name, 32)):
        with pytest.raises(ValueError, match=r"unknown network .* swin_t, convnext_tiny"):
            refuse()


def test_an_ensemble_of_convnets_needs_blocks_to_leave_out_and_to_add():
    """The message named a ConvNet without blocks, of which nobody had spoken."""
    for name in ("convnet1-w8", "convnet9-bn"):
        with pytest.raises(ValueError, match=f"than '{name}' .* a teacher of 2 to 8 blocks"):
            models.ensemble(name, 4)
        assert models.ensemble(name, 1) == (models.with_batch_norm(name),)
    for name in ("convnet2", "convnet8-w8", "resnet18"):
        assert models.ensemble(name, 4) == models.relatives(name)


def test_a_convnet_too_deep_for_the_image_is_refused():
    with pytest.raises(ValueError, match="needs images of 16 px, got 8"):
        models.build("convnet4-w8", 10, 8)


def test_relatives_are_four_networks_with_batch_norm():
    for name in ("convnet3-w32", "resnet18", "mobilenet_v2", "mobilenet_v2-small"):
        for relative in models.relatives(name):
            kinds = {type(m) for m in models.build(relative, 10, 64).modules()}
            assert torch.nn.BatchNorm2d in kinds
            assert torch.nn.GroupNorm not in kinds
        assert len(set(models.relatives(name))) == 4
    published = models.relatives("torchvision:resnet18")
    assert published[1] == "torchvision:mobilenet_v2"


def test_relatives_of_a_network_for_small_images_are_for_small_images():
    """Beside ResNet-18 for 32 px stood stems for ImageNet, which leave one pixel of such images."""
    found = models.relatives("resnet18-small")
    light = ("mobilenet_v2-small", "efficientnet_b0-small", "shufflenet_v2_x0_5-small")
    assert found == ("resnet18-small", *light)
    assert models.relatives("shufflenet_v2_x0_5-small")[3] == "resnet18-small"


@pytest.mark.parametrize("name", ["convnet3-w32", "resnet18", "mobilenet_v2", "efficientnet_b0"])
def test_no_activation_is_in_place(name):
    """In place, bf16 on a CPU is slow; a model keeps its input, too."""
    model = models.build(name, 3, 32).train()
    kinds = torch.nn.ReLU | torch.nn.ReLU6 | torch.nn.SiLU
    active = [module for module in model.modules() if isinstance(module, kinds)]
    assert active
    assert not [module for module in active if module.inplace]


def _bent(classes, size):
    return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(3 * size**2, classes + 1))


def _flat(classes, size):
    return nn.Sequential(nn.Dropout2d(0.5), nn.Flatten(), nn.Linear(3 * size**2, classes))


def test_a_network_of_ones_own_is_built_from_the_seed_and_without_dropout(monkeypatch):
    monkeypatch.setitem(models.NETWORKS, "flat", _flat)
    models.check_fits("flat", 8)
    assert models.fitting("flat", 8) == models.with_batch_norm("flat") == "flat"
    one, again, other = (models.build("flat", 3, 8, seed) for seed in (0, 0, 1))
    assert one[2].weight.equal(again[2].weight)
    assert not one[2].weight.equal(other[2].weight)
    assert one.training
    inputs = torch.randn(4, 3, 8, 8)
    assert one(inputs).equal(one(inputs))
    assert models.network_code("flat") != models.network_code("convnet3-w8") == {}


def test_a_network_of_ones_own_with_other_outputs_or_sizes_is_refused(monkeypatch):
    monkeypatch.setitem(models.NETWORKS, "bent", _bent)
    monkeypatch.setitem(models.NETWORKS, "fixed", lambda classes, size: _flat(classes, 8))
    with pytest.raises(ValueError, match=r"'bent' gives \(2, 4\) for 2 images of 8 px: 3 classes"):
        models.build("bent", 3, 8)
    with pytest.raises(ValueError, match=r"'fixed' cannot be built for 10 classes at 16 px"):
        models.check_fits("fixed", 16)
    with pytest.raises(ValueError, match=r"unknown network 'bend'.*your own bent, fixed"):
        models.check_network("bend")


class _Random(nn.Module):
    def __init__(self, classes, size):
        super().__init__()
        self.layer = nn.Linear(3 * size**2, classes)

    def forward(self, inputs):
        return self.layer(nn.functional.dropout(inputs.flatten(1), 0.5, self.training))


def _numpys(classes, size):
    model = _flat(classes, size)
    model[2].weight.data = torch.from_numpy(np.random.default_rng().normal(size=(classes, 192)))
    return model.float()


def test_a_network_of_ones_own_that_would_not_be_the_same_again_is_refused(monkeypatch):
    """A run could not be continued from its checkpoint."""
    monkeypatch.setitem(models.NETWORKS, "random", _Random)
    monkeypatch.setitem(models.NETWORKS, "numpys", _numpys)
    with pytest.raises(ValueError, match=r"'random': its outputs in training are random"):
        models.check_fits("random", 8)
    with pytest.raises(ValueError, match=r"'numpys': its weights are not drawn from torch's"):
        models.check_fits("numpys", 8)
