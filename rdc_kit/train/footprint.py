"""How much memory a training takes, known before it begins: counted on tensors without numbers."""

from __future__ import annotations

import functools
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from . import models

_PER_WEIGHT = 16  # bytes: the weight, its gradient and AdamW's two moments, all fp32
_GAPS = 1.3  # a heap has gaps: measured 1.1 to 1.4 for two ConvNets and two ResNet-18 on a CPU


@functools.cache
def training_bytes(student: str, size: int, batch: int, classes: int, precision: str) -> int:
    """Peak of a training step, bytes, without the images of the set and without Python and torch.

    Weights, gradients and the optimiser's state, what the forward pass keeps for the backward
    pass, and twice the largest of these tensors for gradients on their way.

    Args:
        student: name of the network. size: of its inputs, pixels. batch: images per step.
        classes: its outputs. precision: "bf16" or "fp32".

    Raises:
        ValueError: unknown network, or images too small for it.
    """
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage.nbytes()
        alive.append(tensor)  # else another tensor could get its place, and its key
        return tensor

    alive: list[Any] = []
    model = models.build(student, classes, size).train()  # whose drawing needs real numbers
    with (fake := FakeTensorMode(allow_non_fake_inputs=True)):
        _forget_numbers(model, fake)
        weights = sum(p.numel() for p in model.parameters())
        own = {p.untyped_storage()._cdata for p in model.parameters()}
        hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
        half = torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16")
        with hooks, half:
            logits = model(torch.empty(batch, 3, size, size))
            F.cross_entropy(logits.float(), torch.zeros(batch, dtype=torch.int64))
    activations = [count for key, count in kept.items() if key not in own]
    return int(_GAPS * (_PER_WEIGHT * weights + sum(activations) + 2 * max(activations)))


def _forget_numbers(model: nn.Module, fake: FakeTensorMode) -> None:
    """Leave every tensor of a network with its shape alone."""
    for module in model.modules():
        held: tuple[dict[str, Any], ...] = module._parameters, module._buffers
        for tensors in held:
            for name, tensor in tensors.items():
                if tensor is not None:
                    tensors[name] = fake.from_tensor(tensor)
