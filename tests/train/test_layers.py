"""Layers of our own give what torch's do."""

import pytest
import torch
from torch import nn

from rdc_kit.train.layers import Conv3x3, GroupNorm, is_plain_3x3


@pytest.mark.parametrize(("side", "stride"), [(1, 1), (2, 1), (3, 2), (4, 2), (8, 1)])
def test_a_convolution_is_torchs_on_small_maps_and_large_ones(side, stride):
    torchs = nn.Conv2d(5, 7, 3, stride=stride, padding=1, bias=False).double()
    ours = Conv3x3(5, 7, 3, stride=stride, padding=1, bias=False).double()
    ours.load_state_dict(torchs.state_dict())
    inputs = torch.randn(4, 5, side, side, dtype=torch.float64)
    torch.testing.assert_close(ours(inputs), torchs(inputs))
    for layer in (ours, torchs):
        layer(inputs).square().sum().backward()
    torch.testing.assert_close(ours.weight.grad, torchs.weight.grad)


def test_only_a_plain_convolution_is_replaced():
    plain = {"kernel_size": 3, "padding": 1, "bias": False}
    assert is_plain_3x3(nn.Conv2d(4, 4, **plain))
    assert is_plain_3x3(nn.Conv2d(4, 4, stride=2, **plain))
    for other in (
        {"padding": 0},
        {"bias": True},
        {"groups": 2},
        {"kernel_size": 1},
        {"dilation": 2},
    ):
        assert not is_plain_3x3(nn.Conv2d(4, 4, **plain | other))


@pytest.mark.parametrize("width", [32, 128])
def test_group_norm_is_torchs_in_fp32_and_within_rounding_in_bf16(width):
    ours, torchs = GroupNorm(4, width), nn.GroupNorm(4, width)
    inputs = torch.randn(5, width, 8, 8, requires_grad=True)
    other = inputs.detach().clone().requires_grad_()
    for norm, given in ((ours, inputs), (torchs, other)):
        norm(given).square().mean().backward()
    torch.testing.assert_close(ours(inputs), torchs(other), rtol=0, atol=0)
    torch.testing.assert_close(inputs.grad, other.grad, rtol=0, atol=0)
    rounded = inputs.detach().bfloat16()
    exact = torchs(rounded.float())
    torch.testing.assert_close(ours(rounded).float(), exact, rtol=0.01, atol=0.01)
