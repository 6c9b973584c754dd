"""Stored labels: a teacher's answers to every image and view of a training, made before it.

A stored label belongs to one image, by its number, and to one view of it. It holds the crop,
whether the crop was mirrored, which image was pasted where, and the teacher's answer. Training that
replays it sees exactly the pixels that the teacher saw, in any order and in any batches.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..augment import views
from ..augment.boxes import crop_resize
from ..data.imagesets import DataError, ImageSet, Traits
from ..ground import files, places, store
from ..ground.device import Runtime
from ..ground.folders import runs_dir
from ..ground.progress import bar
from ..ground.seeds import generator
from .labels import Answer, check_alone, check_answer, kept_epochs, record
from .protocol import Protocol, batch_size, seen_as

_FILE = "records.npy"
_PROGRESS = "progress.json"  # epochs that are done, while it goes on
_SEED = 0  # root of the views' seed tree
_SAVE_EVERY = 20  # epochs between two saves of a labelling


@dataclass(frozen=True)
class StoredLabels:
    """A teacher's answers to every image of a set, view by view.

    Attributes:
        records: array [kept epochs, N] of `record`, mapped from disk.
        epochs: epochs of the training that uses it; more than the kept ones if it was pruned.
        views: what decides which labels there are, see `views_of`.
        traits: normalisation of the images.
        key: identifies the set, the teacher and what of the protocol decides the labels.
        set_hash: fingerprint of the set.
    """

    records: np.ndarray
    epochs: int
    views: dict[str, Any]
    traits: Traits
    key: str
    set_hash: str

    def check_fit(self, images: ImageSet, protocol: Protocol) -> None:
        """Refuse labels of other images, or of another training than they were stored for.

        Raises:
            DataError: other images. ValueError: other views or another number of epochs.
        """
        if self.set_hash != images.fingerprint():
            raise DataError("these labels were stored for other images: store_labels of this set")
        asked = views_of(protocol, images) | {"epochs": protocol.epochs}
        for name, value in (self.views | {"epochs": self.epochs}).items():
            if asked[name] != value:
                raise ValueError(
                    f"these labels were stored with {name}={value}, not {asked[name]} as asked: "
                    "leave it as it was, or store_labels with this protocol"
                )

    def replay(
        self, images: Tensor, labels: Tensor, rows: Tensor, epoch: int, draws: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The inputs that the teacher saw for some images, and its answers.

        Args:
            images, labels: of the whole set, uint8 [N, 3, S, S] and int64 [N].
            rows: int64 [B], positions.
            epoch: the epoch to replay. If labels were pruned, each image draws one of the kept
                epochs, so labels are used again.
            draws: random generator of that draw.

        Returns:
            inputs float32 [B, 3, S, S], mixed hard labels [B, C], logits float32 [B, C].
        """
        device, side = draws.device, images.shape[-1]
        kept = len(self.records)
        epochs = torch.full((len(rows),), epoch)
        if kept < self.epochs:
            epochs = torch.randint(kept, (len(rows),), generator=draws, device=device).cpu()
        own_records = self.records[epochs.numpy(), rows.cpu().numpy()]
        partner = torch.from_numpy(own_records["partner"].astype(np.int64))
        partner_records = self.records[epochs.numpy(), partner.numpy()]
        partner = partner.to(images.device)
        own = _crop(images[rows.to(images.device)].to(device), own_records, side)
        other = _crop(images[partner].to(device), partner_records, side)
        box = _tensor(own_records["pasted"].astype(np.int64), device)
        inside = _inside(box, side)
        inputs = views.normalise(torch.where(inside[:, None], other, own), self.traits)
        weight = _tensor(own_records["weight"], device)[:, None]
        own_labels = labels[rows.to(labels.device)]
        partner_labels = labels[partner.to(labels.device)]
        classes = self.records.dtype["logits"].shape[0]
        targets = views.mix_labels(own_labels, partner_labels, weight, classes)
        return inputs, targets, _tensor(own_records["logits"].astype(np.float32), device)


def _tensor(values: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).to(device)


def _crop(pixels: Tensor, records: np.ndarray, side: int) -> Tensor:
    boxes = _tensor(records["crop"].astype(np.int64), pixels.device)
    mirrored = _tensor(records["mirrored"], pixels.device)
    return crop_resize(pixels, boxes, side, mirrored)


def _inside(boxes: Tensor, side: int) -> Tensor:
    """Pixels of each box, bool [B, side, side]."""
    at = torch.arange(side, device=boxes.device)
    top, left, height, width = (boxes[:, k : k + 1] for k in range(4))
    y, x = (at >= top) & (at < top + height), (at >= left) & (at < left + width)
    return y[:, :, None] & x[:, None, :]


def store_labels(
    images: ImageSet, protocol: Protocol, answer: Answer, teacher_key: str, runtime: Runtime
) -> StoredLabels:
    """Store on disk a teacher's answers to every image and view of a training.

    A labelling that was stopped continues where it stopped.

    Args:
        images: the set.
        protocol: its epochs, crops, flip, mix and `keep` say what to store.
        answer: the teacher.
        teacher_key: identifies the teacher in the cache key.
        runtime: device.

    Raises:
        ValueError: the answer is no function; or the protocol has a shuffled view, Cutout or
            Mixup: stored labels hold only crops, mirrors and CutMix; or see `check_alone`.
        OSError: the disk has too little room.

    Source: FKD, relabel/ of VILA-Lab/SRe2L; pruning, LPLD (arXiv 2410.15919).
    Differs: stored by image instead of by batch number, and pruned by whole epochs.
    """
    check_answer(answer)
    _check_storable(protocol, seen_as(images, protocol).view)
    batch = batch_size(protocol, len(images), images.num_classes)
    check_alone(answer, protocol, len(images) % batch or batch, images.size, runtime.device)
    set_hash = images.fingerprint()
    config = {
        "what": "labels",
        "set": set_hash,
        "teacher": teacher_key,
        **(shown := views_of(protocol, images)),
        "epochs": protocol.epochs,
        "batch": batch,
        "seed": _SEED,
        "precision": runtime.precision,
    }
    if runtime.device.type != "cpu":
        config["device"] = runtime.device.type  # whose generator draws the views
    shape = (kept_epochs(protocol.epochs, protocol.keep), len(images))

    def make(home: Path) -> dict[str, Any]:
        records, done = _open(home, shape, record(images.num_classes))
        for epoch in bar(range(done, shape[0]), "storing soft labels", done=done):
            _label_epoch(records[epoch], images, protocol, answer, runtime, epoch)
            if (epoch + 1) % _SAVE_EVERY == 0:
                records.flush()
                files.write_json(home / _PROGRESS, epoch + 1)
        records.flush()
        (home / _PROGRESS).unlink(missing_ok=True)
        return {"bytes": int(records.nbytes)}

    home = store.cached(runs_dir("labels"), config, make)
    records = np.load(home / _FILE, mmap_mode="r")
    return StoredLabels(records, protocol.epochs, shown, images.traits, home.name, set_hash)


def _check_storable(protocol: Protocol, view: str) -> None:
    if view not in ("whole", "cell") or protocol.cutout or protocol.mix == "mixup":
        raise ValueError(
            "stored labels hold crops, mirrors and CutMix: use view 'whole' or 'cell', no cutout "
            f"and no mixup, got view={view!r}, cutout={protocol.cutout}, mix={protocol.mix!r}"
        )


def views_of(protocol: Protocol, images: ImageSet) -> dict[str, Any]:
    """What of a protocol decides which labels are stored, and how many; names and values."""
    seen = seen_as(images, protocol)
    # "flip" as asked, also where the source forbids it: labels are found again by it.
    shown = {"view": seen.view, "flip": protocol.flip, "cutout": protocol.cutout}
    mixed = {"mix": protocol.mix, "mix_alpha": None if protocol.mix == "none" else protocol.alpha}
    told = {"keep": protocol.keep, "teacher_norm": protocol.teacher_norm}
    return shown | mixed | {"crop": seen.scale} | told


def _open(home: Path, shape: tuple[int, int], kind: np.dtype) -> tuple[np.memmap, int]:
    """The records on disk, and the number of epochs that are done."""
    path, done = home / _FILE, files.read_json(home / _PROGRESS) or 0
    if done and _is_as_long(path, shape):
        records = np.lib.format.open_memmap(path, "r+")
        return records, _whole_epochs(records, done)
    # Else a new file, full of zeros, would be taken for one that got so far.
    (home / _PROGRESS).unlink(missing_ok=True)
    size = kind.itemsize * shape[0] * shape[1]
    places.require_free_space(home, size)
    records = np.lib.format.open_memmap(path, "w+", kind, shape)
    if hasattr(os, "posix_fallocate"):  # a disk that fills up later would kill the process
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return records, 0


def _whole_epochs(records: np.ndarray, done: int) -> int:
    """How many of the epochs that are said to be done are there.

    A home that is copied while labels are stored may have the count of a later moment than the
    records. One that is missing has a crop of no size: `_label_epoch` writes the crop last.
    """
    for epoch in range(done):
        if not records["crop"][epoch].any(axis=1).all():
            return epoch
    return done


def _is_as_long(path: Path, shape: tuple[int, int]) -> bool:
    """Whether records are there in full: one that was copied in part would be filled with zeros."""
    try:
        return np.load(path, mmap_mode="r").shape == shape
    except (OSError, ValueError, EOFError):
        return False


@torch.no_grad()
def _label_epoch(
    records: np.ndarray,
    images: ImageSet,
    protocol: Protocol,
    answer: Answer,
    runtime: Runtime,
    epoch: int,
) -> None:
    """Fill one epoch's records: draw views as training does, and write the teacher's answers."""
    draws = generator(_SEED, "labels", epoch, device=runtime.device)
    seen, side = seen_as(images, protocol), images.size
    order = torch.randperm(len(images), generator=generator(_SEED, "label order", epoch))
    for rows in order.split(batch_size(protocol, len(images), images.num_classes)):
        pixels = images.images[rows].to(runtime.device)
        boxes, mirrored = views.draw_crops(pixels, seen.grid, seen.scale, seen.flip, draws)
        own = crop_resize(pixels, boxes, side, mirrored)
        partner = torch.arange(len(rows))
        pasted = (0, 0, 0, 0)
        if protocol.mix == "cutmix":
            partners, y, x = views.draw_cut(len(rows), side, protocol.alpha, draws)
            own = torch.where(y[:, None] & x[None, :], own[partners], own)
            partner = partners.cpu()
            (top, high), (left, wide) = _span(y), _span(x)
            pasted = (top, left, high, wide)
        inputs = views.normalise(own, images.traits)
        positions = rows.numpy()
        records["logits"][positions] = answer(inputs).float().cpu().numpy()
        records["mirrored"][positions] = False if mirrored is None else mirrored.cpu().numpy()
        records["partner"][positions] = rows[partner].numpy()
        records["pasted"][positions] = pasted
        records["weight"][positions] = 1 - pasted[2] * pasted[3] / side**2
        records["crop"][positions] = boxes.cpu().numpy()  # last, see `_whole_epochs`


def _span(inside: Tensor) -> tuple[int, int]:
    """First position and length of a block of True values."""
    places = inside.nonzero()
    return (int(places[0]), len(places)) if len(places) else (0, 0)
