"""One training loop for everything: fit a network to a set, watch it, resume it."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ..data.checks import check_set
from ..data.imagesets import ImageSet
from ..ground import store
from ..ground.device import Runtime, choose_runtime
from ..ground.folders import expanded
from ..ground.kinds import check_object
from ..ground.progress import bar
from ..ground.seeds import as_seed, derive_seed, generator
from . import models
from .checkpoint import Recorder, State
from .labels import Answer, loss_of
from .lessons import Feed, Lesson, lesson_of
from .protocol import Protocol, batch_size
from .replay import Replayed, Step, pays
from .stored_labels import StoredLabels

CHECKPOINT_EVERY = 30.0  # seconds; a lost half minute is cheaper than writing 130 MB per epoch


class Diverged(RuntimeError):
    """The loss became NaN or infinite; the message says at which epoch, step and lr."""


@dataclass
class Fitted:
    """A trained network and what it cost.

    Attributes:
        model: in eval mode, on the runtime's device.
        losses: mean training loss of each epoch.
        steps: optimiser steps taken; batch: images per step; views: image views seen.
        seconds: wall time of the training, summed over interruptions.
    """

    model: nn.Module
    losses: list[float]
    steps: int
    batch: int
    views: int
    seconds: float


def fit(
    images: ImageSet,
    protocol: Protocol,
    student: str | None = None,
    seed: int = 0,
    runtime: Runtime | None = None,
    recorders: Sequence[Recorder] = (),
    checkpoint: Path | str | None = None,
    teacher: Answer | StoredLabels | None = None,
    *,
    teacher_key: str = "",
    what: str = "training",
) -> Fitted:
    """Train a fresh network on a set.

    Randomness depends only on (seed, purpose, epoch), so an interrupted run that continues from its
    checkpoint ends with the same weights as an undisturbed one (bitwise on a CPU). The loss is
    read once per epoch; nothing else waits for the device. All batches have the same shape: the
    last one of an epoch is filled up with the epoch's first images, which recorders do not see
    twice. On a GPU that holds the set, the step is recorded and replayed (see `replay`).

    Args:
        images: the training set. protocol: how to train.
        student: name of the network; the source's student by default.
        seed: root of the seed tree. runtime: device and precision; `choose_runtime()` by default.
        recorders: they see every batch, such as the score recorders.
        checkpoint: file to continue from and to write every half minute; fit does not delete it.
        teacher: for soft labels, what `Teacher.answering` returns; for stored ones, `store_labels`.
        teacher_key: identifies the teacher in the checkpoint. what: a bar says before the network.

    Raises:
        Diverged: the loss is not finite. DataError: no images, or labels stored for other ones.
        ValueError: unknown student, grid too large, a teacher or stored labels are missing, the
            checkpoint or labels are of another training, or batch norm sees one pixel of one image.
    """
    seed, runtime = as_seed(seed), runtime or choose_runtime()
    check_object("images", images, ImageSet)
    check_asked(protocol, runtime)
    check_set(images)
    student = student or images.student
    model = runtime.placed(models.build(student, images.num_classes, images.size, seed))
    state = State(model, make_optimiser(model, protocol), recorders)
    if checkpoint is not None:
        told = [images.fingerprint(), protocol.as_dict(), student, seed]
        told += [runtime.precision, runtime.device.type, *models.network_code(student).values()]
        state.what = store.config_hash([*told, teacher_key] if teacher_key else told)
        state.load(checkpoint := expanded(checkpoint, "checkpoint"), runtime.device)
    draws = generator(seed, "views", device=runtime.device)
    feed, take = _prepared(state, images, protocol, draws, teacher, runtime, student)
    saved = time.monotonic()
    for epoch in bar(range(state.epoch, protocol.epochs), f"{what} {student}", done=state.epoch):
        began = time.monotonic()
        _train_epoch(state, feed, take, draws, protocol, seed)
        state.epoch = epoch + 1
        state.seconds += time.monotonic() - began
        if checkpoint is not None and time.monotonic() - saved > CHECKPOINT_EVERY:
            state.save(checkpoint)
            saved = time.monotonic()
    steps = protocol.epochs * feed.steps
    return Fitted(model.eval(), state.losses, steps, feed.batch, steps * feed.batch, state.seconds)


def check_asked(protocol: Protocol, runtime: Runtime) -> None:
    """Refuse what nothing can be trained by, before a network is built.

    Raises:
        ValueError: one is of another kind than meant.
    """
    check_object("protocol", protocol, Protocol)
    check_object("runtime", runtime, Runtime)


def _prepared(
    state: State,
    images: ImageSet,
    protocol: Protocol,
    draws: torch.Generator,
    teacher: Answer | StoredLabels | None,
    runtime: Runtime,
    student: str,
) -> tuple[Feed, Step]:
    """The batches of a training, and the function that makes a step on one of them."""
    batch = batch_size(protocol, len(images), images.num_classes)
    if batch == 1:
        _check_single(state.model, student, images.size, runtime.device)

    def needs() -> int:
        from .footprint import training_bytes  # late: only a GPU with a large set asks

        return training_bytes(student, images.size, batch, images.num_classes, runtime.precision)

    feed = Feed(images, batch, runtime.device, needs)
    lesson = lesson_of(images, protocol, feed, teacher, runtime)
    take = _step_of(state, lesson, protocol, draws, runtime)
    ahead = feed.steps * (protocol.epochs - state.epoch)
    # Stored labels are looked up on the host, at each step anew.
    if feed.resident and protocol.labels != "stored" and pays(runtime.device, ahead):
        return feed, Replayed(take, draws, runtime.device)
    return feed, take


def _check_single(model: nn.Module, name: str, size: int, device: torch.device) -> None:
    """Refuse to train on one image at a time where batch norm would see one pixel of it.

    Raises:
        ValueError: one value has no spread to be normalised by.
    """
    try:
        with torch.no_grad():
            copy.deepcopy(model).train()(torch.zeros(1, 3, size, size, device=device))
    except ValueError as error:  # torch's, from the layer
        raise ValueError(
            f"network {name!r} shrinks images of {size} px to one pixel, and batch norm cannot go "
            "by one pixel of one image: take a batch of at least 2 and as many images, or another "
            "network, such as a ConvNet"
        ) from error


def _step_of(
    state: State,
    lesson: Lesson,
    protocol: Protocol,
    draws: torch.Generator,
    runtime: Runtime,
) -> Step:
    """The function that makes one optimiser step on some rows of the set."""

    def step(rows: Tensor) -> tuple[Tensor, Tensor]:
        inputs, targets, labels, answer = lesson(state.epoch, rows, draws)
        with runtime.autocast():
            logits = state.model(inputs)
        logits = logits.float()
        loss = loss_of(protocol, logits, targets, labels, answer)
        state.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        state.optimiser.step()
        return loss.detach(), logits.detach()

    return step


def _train_epoch(
    state: State, feed: Feed, take: Step, draws: torch.Generator, protocol: Protocol, seed: int
) -> None:
    epoch, lr = state.epoch, protocol.lr_at(state.epoch)
    state.model.train()
    _set_lr(state.optimiser, lr, feed.device)
    draws.manual_seed(derive_seed(seed, "views", epoch))
    losses = torch.zeros(feed.steps, device=feed.device)
    fresh = feed.count
    for step, rows in enumerate(feed.epoch(generator(seed, "order", epoch))):
        losses[step], logits = take(rows)
        seen = rows[:fresh].to(feed.device)
        for recorder in state.recorders:
            recorder.update(epoch, seen, logits[:fresh], feed.labels[seen])
        fresh -= len(rows)
    _check_finite(losses.cpu(), epoch, lr)
    state.losses.append(float(losses.mean()))


def _set_lr(optimiser: torch.optim.Optimizer, lr: float, device: torch.device) -> None:
    """Change the learning rate; on a GPU it stays in one tensor, which a replayed step reads."""
    for group in optimiser.param_groups:
        if device.type == "cpu":
            group["lr"] = lr
        elif isinstance(group["lr"], Tensor) and group["lr"].device.type == device.type:
            group["lr"].fill_(lr)
        else:
            group["lr"] = torch.full((), lr, device=device)


def _check_finite(losses: Tensor, epoch: int, lr: float) -> None:
    bad = (~losses.isfinite()).nonzero()
    if len(bad):
        raise Diverged(
            f"the loss is {float(losses[bad[0]])} at epoch {epoch}, step {int(bad[0])}, "
            f"lr {lr:.2e}: lower the learning rate or use precision='fp32'"
        )


def make_optimiser(model: nn.Module, protocol: Protocol) -> torch.optim.Optimizer:
    """AdamW or Nesterov SGD, fused, with weight decay on matrices and kernels only."""
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    plain = [p for p in model.parameters() if p.ndim < 2]
    groups = [
        {"params": decayed, "weight_decay": protocol.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    if protocol.optimiser == "adamw":
        on_gpu = decayed[0].is_cuda  # where its step may be recorded
        return torch.optim.AdamW(groups, lr=protocol.lr, fused=True, capturable=on_gpu)
    return torch.optim.SGD(groups, lr=protocol.lr, momentum=0.9, nesterov=True, fused=True)
