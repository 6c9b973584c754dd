"""Layers that give what torch's do, in less time on a CPU."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def is_plain_3x3(module: nn.Conv2d) -> bool:
    """Whether `Conv3x3` can stand for a convolution: padded by 1, undilated, one group, no bias."""
    shape = (module.kernel_size, module.padding, module.dilation, module.groups, module.bias)
    return shape == ((3, 3), (1, 1), (1, 1), 1, None)


class Conv3x3(nn.Conv2d):
    """A convolution that becomes one matrix product if its output map is 2 x 2 pixels or less.

    For such a map a CPU spends its time on reordering weights, not on arithmetic. Measured for 512
    channels and batch 50 on 2 AMX cores, bf16: forward and backward take 25 ms as a convolution and
    10 ms as a product; a whole ResNet-18 step at 64 px takes a fifth less time. Weights and state
    dict are the same as those of nn.Conv2d.
    """

    def forward(self, inputs: Tensor) -> Tensor:
        """[B, C, H, W] to [B, O, H', W'], both sides divided by the stride."""
        stride = self.stride[0]
        high, wide = (-(-side // stride) for side in inputs.shape[-2:])
        if inputs.device.type != "cpu" or high * wide > 4:
            return super().forward(inputs)
        # Flat, for one product: with a batch axis, torch copies the weights for each image.
        columns = F.unfold(inputs, 3, padding=1, stride=stride).transpose(1, 2).flatten(0, 1)
        outputs = F.linear(columns, self.weight.flatten(1))  # [B H' W', O]
        return outputs.view(len(inputs), high, wide, -1).permute(0, 3, 1, 2)


class GroupNorm(nn.GroupNorm):
    """A group norm that computes narrow groups in fp32 on a CPU, until the next convolution.

    A group of fewer than 32 bf16 channels does not fill a vector register: its backward pass took
    7.2 ms instead of 1.3 (50 images of 32 x 32 px, 32 channels, channels_last, one AMX core).
    """

    def forward(self, inputs: Tensor) -> Tensor:
        """[B, C, H, W] to the same shape."""
        if inputs.device.type == "cpu" and self.num_channels // self.num_groups < 32:
            inputs = inputs.float()
        return super().forward(inputs)
