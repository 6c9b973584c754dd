"""Networks by name, against torchvision's."""

import pytest
import torch
import torchvision

from rdc_kit.engine import models


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
    assert sum(type(m) is models.Conv3x3 for m in ours.modules()) == 16


@pytest.mark.parametrize(
    ("name", "size"),
    [("resnet18-small", 32), ("resnet50", 32), ("convnet3-w32", 32), ("convnet4", 64)],
)
def test_networks_give_logits(name, size):
    model = models.build(name, 5, size)
    assert model(torch.randn(2, 3, size, size)).shape == (2, 5)


def test_a_seed_fixes_the_weights_and_leaves_global_state_alone():
    torch.manual_seed(11)
    before = torch.random.get_rng_state()
    one, again, other = (models.build("convnet2-w8", 3, 16, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    for a, b, c in zip(one.parameters(), again.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert a.ndim < 2 or not torch.equal(a, c)


@pytest.mark.parametrize("name", ["resnet19", "convnet", "convnet3-width8", ""])
def test_unknown_networks_are_refused(name):
    with pytest.raises(ValueError, match="unknown network"):
        models.build(name, 10, 32)


def test_a_convnet_too_deep_for_the_image_is_refused():
    with pytest.raises(ValueError, match="needs images of 16 px, got 8"):
        models.build("convnet4-w8", 10, 8)
