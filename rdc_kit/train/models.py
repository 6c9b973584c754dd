"""Networks by name, built from a seed.

Names: "resnet18", "resnet34", "resnet50", "resnet101", "mobilenet_v2", "efficientnet_b0",
"shufflenet_v2_x0_5", "swin_t", "convnext_tiny": torchvision's networks, with stems for ImageNet.
The same names with "-small" have a stem that halves the image less often, for images up to 64 px
(see `fitting`). "convnet3-w128" has D blocks (here 3) of convolution, group norm, ReLU and average
pooling, each of one width (here 128); "convnet3-w128-bn" has batch norm instead of group norm.

Small stems: ResNets have a 3 x 3 convolution and no max-pool; MobileNetV2 and EfficientNet-B0 have
a first convolution of stride 1; ShuffleNetV2 has the same and no max-pool; ConvNeXt-T has 2 x 2
patches instead of 4 x 4; Swin-T has 2 x 2 patches, and windows of 4 x 4 instead of 7 x 7.

A network of one's own is a line in NETWORKS.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..ground.own import code_of
from ..ground.seeds import generator, seeded_globals
from .layers import Conv3x3, GroupNorm, is_plain_3x3

RESNETS = ("resnet18", "resnet34", "resnet50", "resnet101")
LIGHT = ("mobilenet_v2", "efficientnet_b0", "shufflenet_v2_x0_5")
LAYER_NORMED = ("swin_t", "convnext_tiny")  # without batch statistics to match
PUBLISHED = "torchvision:"  # in front of a teacher's name: torchvision's ImageNet-1K weights
SMALL = 64  # px; up to this size an ImageNet stem makes the feature map too small
# A user's own: from the number of classes and the side of the images, pixels, to a network that
# takes [B, 3, S, S] to logits [B, C].
NETWORKS: dict[str, Callable[[int, int], nn.Module]] = {}
_CONVNET = re.compile(r"convnet([1-9])(?:-w([1-9]\d*))?(-bn)?")


def check_network(name: str) -> None:
    """Reject an unknown network name.

    Raises:
        ValueError: the message lists the known names.
    """
    known = (*RESNETS, *LIGHT, *LAYER_NORMED)
    if not isinstance(name, str):
        raise ValueError(f"a network is told by its name, such as 'convnet3-w128', got {name!r}")
    if name in NETWORKS or name.removesuffix("-small") in known or _CONVNET.fullmatch(name):
        return
    own = f", your own {', '.join(NETWORKS)}" if NETWORKS else ""
    raise ValueError(
        f"unknown network {name!r}: use one of {', '.join(known)}, any of these with '-small' "
        "for a stem that suits images up to 64 px, or 'convnet3-w128' (depth 3, width 128; "
        f"'-bn' at the end for batch norm){own}"
    )


def network_code(name: str) -> dict[str, str]:
    """What a run depends on besides a network's name: hash of the code of a user's own; else {}."""
    if name not in NETWORKS:
        return {}
    return {"network_code": hashlib.sha256(code_of(NETWORKS[name]).encode()).hexdigest()[:16]}


def check_fits(name: str, size: int, num_classes: int = 10) -> None:
    """Reject a network that is unknown, too deep for images of `size` px, or of an odd width.

    Raises:
        ValueError: the message says which size or width it needs. A user's own network that cannot
            be built, whose weights do not hang on torch's seed, or whose outputs in training are
            random.
    """
    check_network(name)
    if name in NETWORKS:
        _check_repeats(name, num_classes, size)
        return
    if match := _CONVNET.fullmatch(name):
        depth, width = int(match[1]), int(match[2] or 128)
        if size < 2**depth:
            raise ValueError(f"ConvNet of depth {depth} needs images of {2**depth} px, got {size}")
        if width % 4:
            raise ValueError(f"ConvNet width must be a multiple of 4, got {width}")


def fitting(name: str, size: int) -> str:
    """The variant of a network that suits images of `size` px: "-small" up to 64 px.

    ConvNets, a user's own, and names that already end in "-small", do not change.

    Raises:
        ValueError: an unknown name.
    """
    check_network(name)
    named = name in NETWORKS or name.startswith("convnet") or name.endswith("-small")
    return name if named or size > SMALL else name + "-small"


def with_batch_norm(name: str) -> str:
    """The same network with batch norm, which a teacher needs: adds "-bn" to a ConvNet.

    Raises:
        ValueError: an unknown name, or a network that has layer norm instead.
    """
    plain = name.removeprefix(PUBLISHED)
    check_network(plain)
    if name in NETWORKS:
        return name
    if plain.removesuffix("-small") in LAYER_NORMED:
        raise ValueError(
            f"network {name!r} has layer norm, a teacher needs batch norm: use one of "
            f"{', '.join((*RESNETS, *LIGHT))} or a convnet"
        )
    return name + "-bn" if name.startswith("convnet") and not name.endswith("-bn") else name


def relatives(name: str) -> tuple[str, ...]:
    """Four architectures with batch norm and about the cost of `name`, which comes first.

    Those of a "-small" network are "-small", too.

    Source: G-VBSM (arXiv 2311.17950) takes ResNet-18, MobileNetV2, EfficientNet-B0 and
        ShuffleNetV2-0.5 at ImageNet scale. For a ConvNet: one block less, double
        width, one block more.
    """
    own = with_batch_norm(name)
    match = _CONVNET.fullmatch(own)
    if match is None:
        prefix = PUBLISHED if own.startswith(PUBLISHED) else ""
        suffix = "-small" if own.endswith("-small") else ""
        others = (prefix + light + suffix for light in (*LIGHT, "resnet18"))
        return tuple(dict.fromkeys((own, *others)))[:4]  # own may be one of them
    depth, width = int(match[1]), int(match[2] or 128)
    return (
        own,
        f"convnet{depth - 1}-w{width}-bn",
        f"convnet{depth}-w{2 * width}-bn",
        f"convnet{depth + 1}-w{width}-bn",
    )


def ensemble(name: str, count: int) -> tuple[str, ...]:
    """The first `count` of a teacher's `relatives`, which answer together.

    Raises:
        ValueError: see `with_batch_norm`, or a ConvNet that has no neighbour of one block less or
            more.
    """
    names = relatives(name)[:count]
    blocks = _CONVNET.fullmatch(names[0])
    if blocks and count > 1 and blocks[1] in "19":
        raise ValueError(
            f"{count} networks teach together, ConvNets of one block less and one more than "
            f"{name!r} among them, which has {blocks[1]}: name a teacher of 2 to 8 blocks, such as "
            "'convnet3'"
        )
    return names


def build(name: str, num_classes: int, size: int, seed: int = 0) -> nn.Module:
    """A fresh network, weights drawn from `seed`.

    Args:
        name: see the top of this file.
        num_classes: outputs.
        size: side of its inputs, pixels.
        seed: root of the seed tree; global random state does not change.

    Raises:
        ValueError: unknown name, images too small for its pooling, or a user's own network that
            does not give logits [B, C].

    Differs: no network has dropout or stochastic depth, which would draw from global random state
        while training; that of a user's own network is turned off.
    """
    check_network(name)
    with seeded_globals(seed, "init"):
        if name in NETWORKS:
            return _own(name, num_classes, size)
        if name.startswith("convnet"):
            depth, width, norm = _CONVNET.fullmatch(name).groups()  # type: ignore[union-attr]
            return ConvNet(int(depth), int(width or 128), num_classes, size, bool(norm))
        model = _torchvision(name, num_classes)
        for module in model.modules():
            if type(module) is nn.Conv2d and is_plain_3x3(module):
                module.__class__ = Conv3x3
            if isinstance(module, nn.ReLU | nn.ReLU6 | nn.SiLU):
                module.inplace = False  # see ConvNet
        return model


def _own(name: str, num_classes: int, size: int) -> nn.Module:
    """A user's network, tried on two images."""
    try:
        model = NETWORKS[name](num_classes, size)
        for module in model.modules():
            if isinstance(module, nn.modules.dropout._DropoutNd):
                module.p = 0.0
        with torch.no_grad():
            shape = tuple(model.eval()(torch.zeros(2, 3, size, size)).shape)
    except Exception as error:
        raise ValueError(
            f"network {name!r} cannot be built for {num_classes} classes at {size} px: {error}"
        ) from error
    if shape != (2, num_classes):
        raise ValueError(
            f"network {name!r} gives {shape} for 2 images of {size} px: {num_classes} classes need "
            f"logits {(2, num_classes)}"
        )
    return model.train()


def _check_repeats(name: str, num_classes: int, size: int) -> None:
    """Refuse a user's network that would not be the same again."""
    one, other = (build(name, num_classes, size) for _ in range(2))
    states = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    if not all(torch.equal(first, second) for first, second in states):
        raise ValueError(
            f"network {name!r}: its weights are not drawn from torch's global generator, so no run "
            "could be repeated"
        )
    inputs = torch.randn(4, 3, size, size, generator=generator(0, "probe"))
    with torch.no_grad(), seeded_globals(0, "probe"):
        if not torch.equal(one(inputs), one(inputs)):
            raise ValueError(
                f"network {name!r}: its outputs in training are random (dropout that is no nn "
                "module?), so no run could be repeated: take that out"
            )


def _torchvision(name: str, num_classes: int) -> nn.Module:
    import torchvision  # late: it is as slow as torch, and ConvNets do not need it

    plain, small = name.removesuffix("-small"), name.endswith("-small")
    if name == "swin_t-small":
        model = torchvision.models.SwinTransformer(
            [2, 2], 96, [2, 2, 6, 2], [3, 6, 12, 24], window_size=[4, 4], num_classes=num_classes
        )
    else:
        model = getattr(torchvision.models, plain)(num_classes=num_classes)
        if small:
            _shrink_stem(model, plain)
    for module in model.modules():
        if isinstance(module, nn.Dropout | torchvision.ops.StochasticDepth):
            module.p = 0.0
    return model


def _shrink_stem(model: Any, name: str) -> None:
    if name in RESNETS:
        model.conv1 = nn.Conv2d(3, 64, kernel_size=3, padding=1, bias=False)
        nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
        model.maxpool = nn.Identity()
    elif name == "convnext_tiny":
        model.features[0][0] = nn.Conv2d(3, 96, kernel_size=2, stride=2)
        nn.init.trunc_normal_(model.features[0][0].weight, std=0.02)  # as torchvision does
        nn.init.zeros_(model.features[0][0].bias)
    elif name == "shufflenet_v2_x0_5":
        model.conv1[0].stride = (1, 1)
        model.maxpool = nn.Identity()
    else:
        model.features[0][0].stride = (1, 1)


class ConvNet(nn.Module):
    """ConvNet-D, the small network of the dataset-distillation literature.

    Args:
        depth: number of blocks, each halving the image.
        width: channels of every block.
        num_classes: outputs.
        size: side of the inputs, pixels; at least 2**depth.
        batch_norm: use batch norm instead of group norm.

    ReLU is not in place: bf16 in place is 2 to 3 times slower on a CPU once a tensor exceeds its
    cache, and saves no memory, for the norm's output is freed anyway.

    Source: Gidaris and Komodakis, arXiv 1804.09458; Zhao et al., arXiv 2006.05929.
    Differs: group norm with 4 groups instead of instance norm.
    """

    def __init__(
        self, depth: int, width: int, num_classes: int, size: int, batch_norm: bool = False
    ) -> None:
        super().__init__()
        check_fits(f"convnet{depth}-w{width}", size)
        last_side = size // 2**depth
        blocks: list[nn.Module] = []
        for k in range(depth):
            blocks += [
                nn.Conv2d(3 if k == 0 else width, width, kernel_size=3, padding=1),
                nn.BatchNorm2d(width) if batch_norm else GroupNorm(4, width),
                nn.ReLU(),
                nn.AvgPool2d(2),
            ]
        self.features = nn.Sequential(*blocks)
        self.classifier = nn.Linear(width * last_side * last_side, num_classes)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits [B, C] of inputs [B, 3, S, S]."""
        return self.classifier(self.features(inputs).flatten(1))
