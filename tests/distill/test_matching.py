"""Statistics of a teacher's layers: collected, and how far a batch is from them."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from rdc_kit.distill import matching as statistics
from rdc_kit.distill.matching import Matcher, collect_moments, running
from rdc_kit.distill.shown import pixel_range
from rdc_kit.ground.seeds import generator
from rdc_kit.train import models

from ..conftest import fake_set
from .conftest import inputs_of


@pytest.mark.parametrize("batch", [4, 7, 100])
def test_collected_statistics_are_those_of_the_whole_set_whatever_the_batch(blocks, teacher, batch):
    model, seen = teacher.models[0], {}
    found = collect_moments(model, blocks, patch=4, batch=batch)
    with statistics.reading(model, seen.__setitem__, patch=4):
        model(inputs_of(blocks))
    assert {kind for _, kind in found} == {"norm", "conv", "patch"}
    for entry, moments in found.items():
        values = seen[entry].transpose(0, 1).flatten(1).double()
        assert torch.allclose(moments.mean[0].double(), values.mean(1), atol=1e-5)
        assert torch.allclose(moments.var[0].double(), values.var(1, unbiased=False), rtol=1e-4)


def test_class_wise_statistics_are_exact_sums(blocks, teacher):
    model = teacher.models[0]
    each = collect_moments(model, blocks, by_class=True, batch=5)
    for label in range(3):
        alone = collect_moments(model, blocks[blocks.rows_of(label)])
        for entry, moments in alone.items():
            assert torch.allclose(each[entry].mean[label], moments.mean[0], atol=1e-6)
            assert torch.allclose(each[entry].var[label], moments.var[0], atol=1e-6)
    together = collect_moments(model, blocks)  # six of each class: the mean of means is the mean
    for entry, moments in together.items():
        assert torch.allclose(each[entry].mean.mean(0), moments.mean[0], atol=1e-5)


def test_the_distance_is_nothing_for_the_images_that_the_statistics_are_of(blocks, teacher):
    model = teacher.models[0]
    exactly = Matcher(model, collect_moments(model, blocks))
    _, gap = exactly(inputs_of(blocks))
    _, other = exactly(torch.randn(18, 3, 16, 16, generator=generator(0)))
    assert gap.item() < 1e-3
    assert other.item() > 100 * gap.item()


def test_the_distance_is_the_written_out_sum_with_the_first_layer_tenfold(blocks, teacher):
    model, seen = teacher.models[0], {}
    inputs = inputs_of(blocks)[:5]
    with statistics.reading(model, seen.__setitem__):
        model(inputs)
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    expected = 0.0
    for k, (norm, folded) in enumerate(zip(norms, seen.values(), strict=True)):
        mean, var = folded.mean((0, 2)), folded.var((0, 2), unbiased=False)
        gap = (mean - norm.running_mean).norm() + 3 * (var - norm.running_var).norm()
        expected += (10 if k == 0 else 1) * gap.item()
    logits, found = Matcher(model, running(model), var_weight=3.0)(inputs)
    assert found.item() == pytest.approx(expected, rel=1e-5)
    assert torch.equal(logits, model(inputs))


def test_patches_are_values_per_place_over_channels_and_pixels():
    maps = torch.arange(2 * 3 * 8 * 8, dtype=torch.float32).view(2, 3, 8, 8)
    folded = statistics.patches(maps, 4)
    assert folded.shape == (2, 4, 48)
    assert torch.equal(folded[1, 2].sort().values, maps[1, :, 4:, :4].flatten().sort().values)
    assert statistics.patches(torch.ones(1, 2, 6, 3), 4).shape == (1, 2, 32)  # resized to 8 x 4
    assert statistics.patches(torch.ones(1, 2, 6, 20), 16).shape == (1, 2, 512)  # to 16 x 32


def test_the_moving_average_starts_at_the_first_batch_and_lets_the_gradient_through(teacher):
    """The released code starts at 0: a batch mean of 5 reads 1.0, 1.8, 2.4 there."""
    model = teacher.models[0]
    matcher = Matcher(model, running(model), momentum=0.8)
    steady = Matcher(model, running(model))
    inputs = torch.randn(4, 3, 16, 16, generator=generator(1), requires_grad=True)
    own = steady(inputs)[1]
    for _ in range(3):  # the same batch over and over: the average is the batch's own
        _, gap = matcher(inputs)
        assert gap.item() == pytest.approx(own.item(), rel=1e-4)
    (slope,) = torch.autograd.grad(gap, inputs)
    (straight,) = torch.autograd.grad(own, inputs)
    assert torch.allclose(slope, straight, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("by_class", "convolutions"), [(False, False), (True, False), (False, True)]
)
def test_recovering_on_a_gpu_mixes_no_devices_and_reads_nothing_back(
    pretended, by_class, convolutions
):
    """A step up to its gradient: statistics of the pool, the teacher's answer, both losses."""
    device = pretended.device
    with torch.device(device):
        model = models.build("convnet2-w8-bn", 3, 16).eval().requires_grad_(False)
        images = torch.zeros(4, 3, 16, 16, requires_grad=True)
        labels = torch.zeros(4, dtype=torch.int64)
    targets = running(model)
    if by_class or convolutions:
        targets |= collect_moments(model, fake_set(), by_class, 4 * convolutions, device)
    matcher = Matcher(model, targets, momentum=0.8 * convolutions, patch=4 * convolutions)
    for _ in range(2):
        logits, gap = matcher(images, 0)
        loss = F.cross_entropy(logits, labels) + 0.01 * gap
        assert (loss.device.type, loss.shape) == ("cuda", ())
    low, high = pixel_range(fake_set().traits, device)
    assert torch.minimum(torch.maximum(images, low), high).is_cuda
    assert next(iter(targets.values())).mean.shape[0] == (3 if by_class else 1)


def test_the_pretended_gpu_sees_a_number_that_is_read_back(pretended):
    with torch.device("cuda"):
        model = models.build("convnet2-w8-bn", 3, 16).eval()
        images = torch.zeros(4, 3, 16, 16)
    _, gap = Matcher(model, running(model))(images)
    with pytest.raises(Exception, match="_local_scalar_dense"):
        float(gap.detach())


def test_only_the_first_layer_counts_tenfold(teacher, blocks):
    """As in G-VBSM's code, where the first hook's loss is multiplied, of whatever kind it is."""
    model = teacher.models[0]
    weights = Matcher(model, collect_moments(model, blocks, patch=4)).weights
    assert list(weights)[:2] == [("features.0", "conv"), ("features.0", "patch")]
    assert list(weights.values()) == [10.0, 10.0] + [1.0] * (len(weights) - 2)


def test_a_convolution_is_left_out_with_its_patches(teacher, blocks):
    """One draw a convolution: what is left of the distance is a sum over some of them, whole."""
    model, draws = teacher.models[0], generator(0, "drop")
    targets = collect_moments(model, blocks, patch=4)
    layers = {layer for layer, kind in targets if kind == "conv"}
    inputs = torch.randn(6, 3, 16, 16, generator=generator(0))

    def gap_of(counted, **how):
        matcher = Matcher(model, targets, patch=4, **how)
        matcher.weights = {entry: float(entry[0] in counted) for entry in targets}
        return float(matcher(inputs, draws=draws)[1])

    parts = [gap_of({layer}) for layer in layers]
    sums = [sum(some) for n in range(len(parts) + 1) for some in itertools.combinations(parts, n)]
    found = [gap_of(layers, drop=0.5) for _ in range(12)]
    assert len({round(one, 2) for one in found}) > 1
    assert all(min(abs(one - known) for known in sums) < 0.02 for one in found)


@pytest.mark.parametrize("layer", [nn.Flatten(), nn.BatchNorm2d(3, track_running_stats=False)])
def test_a_network_without_statistics_of_batch_norm_has_nothing_to_match(layer):
    told = "this teacher has no batch norm with running statistics.*: use a ResNet, or a ConvNet"
    with pytest.raises(ValueError, match=told):
        running(nn.Sequential(layer, nn.Flatten(), nn.Linear(12, 2)))
