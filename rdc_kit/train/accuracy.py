"""The logits of a network for a set, and its accuracy."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ..augment.views import plain_view
from ..data.imagesets import DataError, ImageSet
from ..ground.device import Runtime, choose_runtime

CPU_BATCH = 32  # images; the caches of a CPU then hold the activations of ConvNets
GPU_BATCH = 256
_USUAL = 224  # px; up to here a GPU's memory is large enough for the usual batches


def batch_at(size: int, device: torch.device, usual: int) -> int:
    """Images of a forward pass: on a GPU fewer above 224 px, as many pixels as at 224.

    Args:
        size: side of the images, pixels. device: where they are seen. usual: images up to 224 px.
    """
    small = device.type == "cpu" or size <= _USUAL
    return usual if small else max(1, usual * _USUAL**2 // size**2)


@torch.no_grad()
def predict(
    model: nn.Module, images: ImageSet, runtime: Runtime | None = None, batch: int | None = None
) -> Tensor:
    """Logits of a set's images, whole and unaugmented.

    Args:
        model: on the runtime's device; it is left in eval mode.
        images: the set.
        runtime: device and precision.
        batch: images at a time; CPU_BATCH on a CPU and GPU_BATCH on a GPU when left out, fewer of
            large images.

    Returns:
        float32 [N, C] on the CPU, in the set's order.

    Raises:
        DataError: the set is empty.
    """
    if not len(images):
        raise DataError("the set is empty: there is nothing to look at")
    runtime = runtime or choose_runtime()
    usual = CPU_BATCH if runtime.device.type == "cpu" else GPU_BATCH
    batch = batch or batch_at(images.size, runtime.device, usual)
    model.eval()
    logits = []
    for start in range(0, len(images), batch):
        pixels = images.images[start : start + batch].to(runtime.device)
        inputs = plain_view(pixels, images.traits)
        inputs = inputs.contiguous(memory_format=runtime.memory_format)
        with runtime.autocast():
            logits.append(model(inputs).float())
    return torch.cat(logits).cpu()


@dataclass(frozen=True)
class Accuracy:
    """Accuracy on a test set, percent.

    Attributes:
        top1, top5: micro average over images (top5 is of min(5, C) guesses).
        hits: bool [N], whether the first guess is right.
        per_class: top-1 of each class, length C; NaN for a class without test images.
    """

    top1: float
    top5: float
    hits: Tensor
    per_class: list[float]


def accuracy(logits: Tensor, labels: Tensor, num_classes: int) -> Accuracy:
    """Score logits float [N, C] against labels int64 [N]."""
    guesses = logits.topk(min(5, num_classes), dim=1).indices
    hits = guesses == labels[:, None]
    first = hits[:, 0].double()
    sums = torch.zeros(num_classes, dtype=torch.float64).index_add_(0, labels, first)
    per_class = 100 * sums / torch.bincount(labels, minlength=num_classes)
    top5 = 100 * float(hits.any(1).double().mean())
    return Accuracy(100 * float(first.mean()), top5, hits[:, 0], per_class.tolist())


def accuracy_of(model: nn.Module, images: ImageSet, runtime: Runtime) -> Accuracy:
    """How often a network is right on a set; see `predict`."""
    return accuracy(predict(model, images, runtime), images.labels, images.num_classes)


def pack(hits: Tensor) -> str:
    """Hits bool [N] as text for a table: compressed bits in base 64."""
    bits = np.packbits(hits.numpy()).tobytes()
    return base64.b64encode(zlib.compress(bits, 9)).decode()


def unpack(text: str, count: int) -> np.ndarray:
    """Hits bool [count] from the text of `pack`."""
    bits = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)
    return np.unpackbits(bits, count=count).astype(bool)
