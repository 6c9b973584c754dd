"""Networks by name, built from a seed.

Names: "resnet18", "resnet34", "resnet50", "resnet101" (torchvision's, ImageNet stem); the same with
"-small" (3 x 3 stem, no max-pool, for images up to 64 px); "mobilenet_v2", "efficientnet_b0",
"shufflenet_v2_x0_5" (torchvision's); "convnet3-w128": D blocks (here 3) of convolution, group norm,
ReLU and average pooling, of a width (here 128), and "convnet3-w128-bn" with batch norm instead.
"""

from __future__ import annotations

import re

import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from .runtime import seeded_globals

RESNETS = ("resnet18", "resnet34", "resnet50", "resnet101")
LIGHT = ("mobilenet_v2", "efficientnet_b0", "shufflenet_v2_x0_5")
PUBLISHED = "torchvision:"  # in front of a teacher's name: torchvision's ImageNet-1K weights
_CONVNET = re.compile(r"convnet(\d)(?:-w(\d+))?(-bn)?")


def check_name(name: str) -> None:
    """Reject an unknown network name.

    Raises:
        ValueError: naming what is known.
    """
    known = name.removesuffix("-small") in RESNETS or name in LIGHT
    if not known and not _CONVNET.fullmatch(name):
        raise ValueError(
            f"unknown network {name!r}: use one of {', '.join(RESNETS)}, any of these with "
            f"'-small' for a 3x3 stem, {', '.join(LIGHT)}, or 'convnet3-w128' (depth 3, width "
            "128; '-bn' at the end for batch norm)"
        )


def with_batch_norm(name: str) -> str:
    """The same network with batch norm, whose statistics a teacher must have: "-bn" for ConvNets.

    Raises:
        ValueError: an unknown name.
    """
    check_name(name.removeprefix(PUBLISHED))
    return name + "-bn" if name.startswith("convnet") and not name.endswith("-bn") else name


def relatives(name: str) -> tuple[str, ...]:
    """Four architectures of about the cost of `name`, with batch norm, itself first.

    Source: G-VBSM (arXiv 2311.17950) takes ResNet-18, MobileNetV2, EfficientNet-B0 and
        ShuffleNetV2-0.5 at ImageNet scale. For a ConvNet: its neighbours in depth, and its double
        in width.
    """
    own = with_batch_norm(name)
    match = _CONVNET.fullmatch(own)
    if match is None:
        prefix = PUBLISHED if own.startswith(PUBLISHED) else ""
        return own, *(prefix + light for light in LIGHT)
    depth, width = int(match[1]), int(match[2] or 128)
    return (
        own,
        f"convnet{depth - 1}-w{width}-bn",
        f"convnet{depth}-w{2 * width}-bn",
        (f"convnet{depth + 1}-w{width}-bn"),
    )


def build(name: str, num_classes: int, size: int, seed: int = 0) -> nn.Module:
    """A fresh network, weights drawn from `seed`.

    Args:
        name: see the module.
        num_classes: outputs.
        size: side of its inputs, pixels.
        seed: root of the seed tree; global random state is left as it was.

    Raises:
        ValueError: unknown name, or images too small for its pooling.
    """
    check_name(name)
    with seeded_globals(seed, "init"):
        if name.startswith("convnet"):
            depth, width, norm = _CONVNET.fullmatch(name).groups()  # type: ignore[union-attr]
            return ConvNet(int(depth), int(width or 128), num_classes, size, bool(norm))
        model = getattr(torchvision.models, name.removesuffix("-small"))(num_classes=num_classes)
        if name.endswith("-small"):
            model.conv1 = nn.Conv2d(3, 64, kernel_size=3, padding=1, bias=False)
            nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
            model.maxpool = nn.Identity()
        for module in model.modules():
            if type(module) is nn.Conv2d and _is_plain_3x3(module):
                module.__class__ = Conv3x3
        return model


def _is_plain_3x3(module: nn.Conv2d) -> bool:
    shape = (module.kernel_size, module.padding, module.dilation, module.groups, module.bias)
    return shape == ((3, 3), (1, 1), (1, 1), 1, None)


class Conv3x3(nn.Conv2d):
    """A convolution that is one matrix product where its output map is 2 x 2 pixels or less.

    There a CPU spends its time on reordering weights, not on arithmetic. Measured for 512 channels
    and batch 50 on 2 AMX cores, bf16: forward and backward 25 ms as convolution, 10 ms so; a whole
    ResNet-18 step at 64 px is a fifth shorter. Weights and state dict are nn.Conv2d's.
    """

    def forward(self, inputs: Tensor) -> Tensor:
        """[B, C, H, W] to [B, O, H', W'], both sides divided by the stride."""
        stride = self.stride[0]
        high, wide = (-(-side // stride) for side in inputs.shape[-2:])
        if inputs.device.type != "cpu" or high * wide > 4:
            return super().forward(inputs)
        # Flat, so that it is one product: with a batch axis, torch copies the weights per image.
        columns = F.unfold(inputs, 3, padding=1, stride=stride).transpose(1, 2).flatten(0, 1)
        outputs = F.linear(columns, self.weight.flatten(1))  # [B H' W', O]
        return outputs.view(len(inputs), high, wide, -1).permute(0, 3, 1, 2)


class ConvNet(nn.Module):
    """ConvNet-D, the small network of the dataset-distillation literature.

    Args:
        depth: number of blocks, each halving the image.
        width: channels of every block.
        num_classes: outputs.
        size: side of the inputs, pixels; at least 2**depth.
        batch_norm: instead of group norm.

    Source: Gidaris and Komodakis, arXiv 1804.09458; Zhao et al., arXiv 2006.05929.
    Differs: group norm with 4 groups instead of instance norm.
    """

    def __init__(
        self, depth: int, width: int, num_classes: int, size: int, batch_norm: bool = False
    ) -> None:
        super().__init__()
        left = size // 2**depth
        if left < 1:
            raise ValueError(f"ConvNet of depth {depth} needs images of {2**depth} px, got {size}")
        if width % 4:
            raise ValueError(f"ConvNet width must be a multiple of 4, got {width}")
        blocks: list[nn.Module] = []
        for k in range(depth):
            blocks += [
                nn.Conv2d(3 if k == 0 else width, width, kernel_size=3, padding=1),
                nn.BatchNorm2d(width) if batch_norm else nn.GroupNorm(4, width),
                nn.ReLU(inplace=True),
                nn.AvgPool2d(2),
            ]
        self.features = nn.Sequential(*blocks)
        self.classifier = nn.Linear(width * left * left, num_classes)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits [B, C] of inputs [B, 3, S, S]."""
        return self.classifier(self.features(inputs).flatten(1))
