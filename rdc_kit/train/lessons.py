"""What a network is shown at each step of a training: images of the set, seen through its view."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

import torch
from torch import Tensor

from ..augment.views import View, make_view
from ..data.imagesets import ImageSet
from ..ground.device import Runtime, free_on
from .labels import Answer, check_alone, check_answer
from .protocol import Protocol, seen_as
from .stored_labels import StoredLabels

# Of a batch: the inputs, the targets, the images' own labels, and the teacher's answer, if any.
Shown = tuple[Tensor, Tensor, Tensor, Tensor | None]
Lesson = Callable[[int, Tensor, torch.Generator], Shown]  # from (epoch, rows, draws)

_SPARE = 5 * 10**8  # bytes of a GPU for what libraries keep, and for gaps


def view_for(images: ImageSet, protocol: Protocol) -> View:
    """A set's view under a protocol, see `seen_as`."""
    seen = seen_as(images, protocol)
    return make_view(
        images.traits,
        images.size,
        view=seen.view,
        grid=seen.grid,
        scale=seen.scale,
        flip=seen.flip,
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
        ValueError: the protocol needs a teacher or stored labels that are not given; or see
            `check_alone`. Both errors: see `StoredLabels.check_fit`.
    """
    if protocol.labels == "stored":
        if not isinstance(teacher, StoredLabels):
            raise ValueError(
                f"protocol {protocol.name!r} needs stored labels: give rdc.evaluate a teacher, "
                "which stores them, or give what store_labels returned"
            )
        teacher.check_fit(images, protocol)
        return _replayed(teacher, feed, runtime)
    if protocol.labels == "hard":
        return _seen(view_for(images, protocol), feed, None, runtime)
    if teacher is None:
        told = f"protocol {protocol.name!r} needs a teacher"
        raise ValueError(f"{told}: rdc.squeeze(pool) makes one")
    check_answer(teacher)
    check_alone(cast(Answer, teacher), protocol, feed.batch, images.size, feed.device)
    return _seen(view_for(images, protocol), feed, cast(Answer, teacher), runtime)


def _replayed(stored: StoredLabels, feed: Feed, runtime: Runtime) -> Lesson:
    """What the teacher saw when its labels were stored, and what it said."""

    def replayed(epoch: int, rows: Tensor, draws: torch.Generator) -> Shown:
        inputs, targets, answer = stored.replay(feed.images, feed.labels, rows, epoch, draws)
        inputs = inputs.contiguous(memory_format=runtime.memory_format)
        return inputs, targets, feed.labels[rows.to(feed.device)], answer

    return replayed


def _seen(view: View, feed: Feed, ask: Answer | None, runtime: Runtime) -> Lesson:
    """The set's images through a view, and what a teacher says of them, if there is one."""

    def seen(epoch: int, rows: Tensor, draws: torch.Generator) -> Shown:
        pixels, labels = feed.at(rows)
        inputs, targets = view(pixels, labels, draws)
        inputs = inputs.contiguous(memory_format=runtime.memory_format)
        return inputs, targets, labels, ask(inputs) if ask else None

    return seen


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
