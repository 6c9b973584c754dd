"""What a network is shown at each step of a training: images of the set, seen through its view."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from ..augment.views import View, make_view
from ..data.imagesets import ImageSet
from ..ground.device import Runtime, free_on
from .labels import Answer, check_answer
from .protocol import Protocol
from .stored_labels import StoredLabels

# (epoch, rows, pixels, labels, draws) to the inputs, the targets and the teacher's answer, if any.
Lesson = Callable[
    [int, Tensor, Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor, Tensor | None]
]

_SPARE = 5 * 10**8  # bytes of a GPU for what libraries keep, and for gaps


def view_for(images: ImageSet, protocol: Protocol) -> View:
    """A set's view under a protocol: the protocol's settings, else the set's or the source's."""
    return make_view(
        images.traits,
        images.size,
        view=protocol.view or images.view,
        grid=images.grid,
        scale=protocol.crop_of(images.grid, images.traits.min_crop),
        flip=protocol.flip,
        cutout=protocol.cutout,
        mix=protocol.mix,
        mix_alpha=protocol.alpha,
        num_classes=images.num_classes,
    )


def lesson_of(
    images: ImageSet,
    protocol: Protocol,
    feed: Feed,
    teacher: Answer | StoredLabels | None,
    runtime: Runtime,
) -> Lesson:
    """The function that gives each batch its inputs, targets and teacher's answer.

    Raises:
        ValueError: the protocol needs a teacher or stored labels that are not given. Both errors:
            see `StoredLabels.check_fit`.
    """
    stored = teacher if isinstance(teacher, StoredLabels) else None
    ask = teacher if callable(teacher) else None
    if protocol.labels == "stored":
        if stored is None:
            raise ValueError(f"protocol {protocol.name!r} needs stored labels: see store_labels")
        stored.check_fit(images, protocol)
    if protocol.labels == "soft":
        if teacher is None:
            told = f"protocol {protocol.name!r} needs a teacher"
            raise ValueError(f"{told}: rdc.squeeze(pool) makes one")
        check_answer(teacher)
    view = view_for(images, protocol)

    def lesson(
        epoch: int, rows: Tensor, pixels: Tensor, labels: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        answer = None
        if protocol.labels == "stored" and stored is not None:
            inputs, targets, answer = stored.replay(feed.images, feed.labels, rows, epoch, draws)
        else:
            inputs, targets = view(pixels, labels, draws)
        inputs = inputs.contiguous(memory_format=runtime.memory_format)
        if protocol.labels == "soft" and ask is not None:
            answer = ask(inputs)
        return inputs, targets, answer

    return lesson


class Feed:
    """Batches of constant shape, from the device if the set fits on it, else from the host.

    Args:
        images: the set. batch: images of a step. device: where the network is.
        needs: what a training step takes of a GPU, bytes; asked for where it matters.
    """

    def __init__(
        self,
        images: ImageSet,
        batch: int,
        device: torch.device,
        needs: Callable[[], int] = lambda: 0,
    ) -> None:
        self.count, self.batch, self.device = len(images), batch, device
        self.steps = -(-self.count // batch)
        self.images, self.labels = images.images, images.labels.to(device)
        if device.type == "cuda" and _fits(self.images.numel(), free_on(device), needs):
            self.images = self.images.to(device)

    @property
    def resident(self) -> bool:
        """Whether the images are where the network is."""
        return self.images.device.type == self.device.type

    def epoch(self, order: torch.Generator) -> Iterable[Tensor]:
        """Yield positions [B], where the images are: to fetch them from a GPU would wait for it."""
        rows = torch.randperm(self.count, generator=order)
        rows = torch.cat([rows, rows[: self.steps * self.batch - self.count]])
        return rows.to(self.images.device).split(self.batch)

    def at(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Images uint8 [B, 3, S, S] and labels [B] at some positions, on the device."""
        pixels = self.images[rows].to(self.device, non_blocking=True)
        return pixels, self.labels[rows.to(self.device)]


def _fits(size: int, free: int, needs: Callable[[], int]) -> bool:
    """Whether images of so many bytes fit on a GPU beside a training; a few are not counted."""
    return size < free // 16 or size + needs() + _SPARE <= free
