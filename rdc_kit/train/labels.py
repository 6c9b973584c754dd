"""Labels: a set's own, or a teacher's answer; the loss that each asks for, and their bytes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..ground.device import Runtime
from ..ground.names import check_known
from .protocol import NORMS, Protocol

Answer = Callable[[Tensor], Tensor]  # normalised inputs [B, 3, S, S] to logits float32 [B, C]


def check_answer(answer: Any) -> None:
    """Refuse what cannot be asked for logits, such as a Teacher without a device.

    Raises:
        ValueError: it is no function.
    """
    if not callable(answer):
        raise ValueError(
            "the teacher here is a function from inputs to logits, such as "
            f"teacher.answering(runtime), got {type(answer).__name__}"
        )


def mean_answer(networks: Sequence[nn.Module], runtime: Runtime, norm: str) -> Answer:
    """The mean logit of networks that are on the runtime's device; see `Teacher.answering`.

    Raises:
        ValueError: no norm of NORMS, or see `check_frozen`.
    """
    check_known("norm", norm, NORMS)
    for network in networks:
        check_frozen(network)
    asked = [by_batch(network) if norm == "batch" else network for network in networks]

    @torch.no_grad()
    def answer(inputs: Tensor) -> Tensor:
        with runtime.autocast():
            logits = [network(inputs) for network in asked]
        return torch.stack([one.float() for one in logits]).mean(0)

    return answer


def by_batch(model: nn.Module) -> nn.Module:
    """A copy whose batch norms use the statistics of each batch; it holds none of its own."""
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = module.running_var = None
            module.track_running_stats = False
    return model


def check_alone(
    answer: Answer, protocol: Protocol, fewest: int, size: int, on: torch.device
) -> None:
    """Refuse a teacher whose batch norm, going by the batch, would see one pixel of one image.

    Args:
        answer: the teacher. protocol: says how its batch norm goes.
        fewest: images of the smallest batch that it is asked about.
        size: of the images, pixels. on: their device.

    Raises:
        ValueError: one value has no spread to be normalised by.
    """
    if protocol.teacher_norm != "batch" or fewest > 1:
        return
    try:
        answer(torch.zeros(1, 3, size, size, device=on))
    except ValueError as error:  # torch's, from the layer
        raise ValueError(
            f"the teacher shrinks images of {size} px to one pixel, and with teacher_norm='batch' "
            "it cannot go by one pixel of one image, as the smallest batch here has: take another "
            "batch, or leave teacher_norm out"
        ) from error


def check_frozen(model: nn.Module) -> None:
    """Refuse a teacher in train mode: its statistics and answers would change with each batch.

    Raises:
        ValueError: the network, or one of its layers, is in train mode, or a weight requires
            gradients.
    """
    if any(module.training for module in model.modules()):
        raise ValueError("the teacher is in train mode: call .eval() on it first")
    if any(p.requires_grad for p in model.parameters()):
        raise ValueError("the teacher's weights require gradients: call .requires_grad_(False)")


def loss_of(
    protocol: Protocol, logits: Tensor, targets: Tensor, labels: Tensor, answer: Tensor | None
) -> Tensor:
    """The protocol's loss of one batch.

    Args:
        protocol: names the loss, the temperature and the share of hard labels.
        logits: the student's logits, float32 [B, C].
        targets: the labels after the view: int64 [B], or probabilities [B, C] after mixing.
        labels: the images' own labels, int64 [B].
        answer: the teacher's logits, float32 [B, C]; None for hard labels.

    Returns:
        A scalar. "kl" is KL(teacher || student) at the temperature, summed over classes and
        averaged over the batch; it is 0 if student and teacher answer the same. The share of hard
        labels is of the images' own labels, unmixed, as in G-VBSM's code.

    Source: FKD (arXiv 2112.01528) as in train_KD.py of arXiv 2502.06434; "mse" G-VBSM
        (arXiv 2311.17950).
    """
    if protocol.loss == "ce_unmixed":
        return F.cross_entropy(logits, labels)
    if answer is None:
        return F.cross_entropy(logits, targets)
    if protocol.loss == "mse":
        loss = F.mse_loss(logits, answer)
    else:
        heat = protocol.temperature
        student, teacher = F.log_softmax(logits / heat, 1), F.log_softmax(answer / heat, 1)
        loss = F.kl_div(student, teacher, reduction="batchmean", log_target=True)
        loss = loss * heat**2 if protocol.times_t2 else loss
    if protocol.hard_weight:
        loss = loss + protocol.hard_weight * F.cross_entropy(logits, labels)
    return loss


def record(num_classes: int) -> np.dtype:
    """One stored soft label, 2 C + 25 bytes."""
    return np.dtype(
        [
            ("crop", "<u2", 4),  # top, left, height, width of the crop, pixels
            ("mirrored", "?"),
            ("partner", "<i4"),  # position of the image pasted in; its crop is in its own record
            ("pasted", "<u2", 4),  # top, left, height, width of the pasted box, pixels
            ("weight", "<f4"),  # share of the image's own label in the mixed hard label
            ("logits", "<f2", (num_classes,)),
        ]
    )


def stored_bytes(count: int, epochs: int, num_classes: int, keep: float = 1.0) -> int:
    """Bytes of stored soft labels: a `record` for every image and kept epoch.

    ImageNet-1K with 10 images per class: `stored_bytes(10_000, 300, 1000)` is 5.66 GiB; the
    published number is 5.67 (README of he-y/soft-label-pruning-for-dataset-distillation).

    Args:
        count: stored images N.
        epochs: epochs of the training that uses the labels.
        num_classes: C.
        keep: share of the epochs that are kept.
    """
    return count * kept_epochs(epochs, keep) * record(num_classes).itemsize


def kept_epochs(epochs: int, keep: float) -> int:
    """Epochs whose labels are stored: a share of them, at least one."""
    return max(1, round(epochs * keep))


def label_bytes(protocol: Protocol, count: int, num_classes: int) -> int:
    """Bytes of the labels that a protocol needs to train on a set.

    Soft labels that are made during training count as if stored: somebody without the teacher
    would need them in that form.
    """
    if protocol.labels == "hard":
        return count * (1 if num_classes <= 256 else 2)  # a byte tells 256 classes apart
    return stored_bytes(count, protocol.epochs, num_classes, protocol.keep)
