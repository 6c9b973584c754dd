"""`rdc speed`: our training loop against the plain one, same data, same run.

The plain loop does what the benchmark's released script does: PIL decodes each image anew in every
epoch, torchvision transforms it in a DataLoader, the network runs in fp32 and NCHW, the loss is
read at every step.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from ..data.checks import check_count
from ..data.imagesets import ImageSet
from ..data.loading import load
from ..ground import files, store
from ..ground.device import choose_runtime, device_name
from ..train import models, protocols
from ..train.training import fit
from .startup import startup_line

_STEPS = 8  # of a round
_LOADERS = 2  # loader processes of the plain loop, beside none
_GPU_EPOCHS = 8
_SHARED = Path("/dev/shm")  # shared memory, where there is Linux
COLUMNS = [
    *("loop", "student", "size", "batch", "images", "round", "images_per_second"),
    *("device", "precision", "git", "versions"),
]


class _Files(Dataset[tuple[Tensor, int]]):
    """JPEG images (quality 95), decoded and transformed one at a time."""

    def __init__(self, images: ImageSet) -> None:
        self.encoded = [_jpeg(pixels) for pixels in images.images.numpy()]
        self.labels = images.labels.tolist()
        self.transform = v2.Compose(
            [
                v2.RandomResizedCrop(images.size, scale=(0.08, 1.0), antialias=True),
                v2.RandomHorizontalFlip(),
                v2.PILToTensor(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(images.traits.mean, images.traits.std),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        image = Image.open(io.BytesIO(self.encoded[row])).convert("RGB")
        return self.transform(image), self.labels[row]


def _jpeg(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels.transpose(1, 2, 0)).save(buffer, format="JPEG", quality=95)
    return buffer.getvalue()


def _plain_network(student: str, images: ImageSet) -> nn.Module:
    """torchvision's own network where there is one, so that none of our code is in the baseline."""
    if student in models.RESNETS:
        return getattr(torchvision.models, student)(num_classes=images.num_classes)
    return models.build(student, images.num_classes, images.size)


def _plain_epoch(images: ImageSet, student: str, batch: int, device: str, workers: int) -> float:
    """Seconds of one plain epoch; the network is built and the images are encoded beforehand."""
    loader = DataLoader(_Files(images), batch, shuffle=True, num_workers=workers, drop_last=True)
    model = _plain_network(student, images).to(device).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    began = time.perf_counter()
    with _as_torch_computes():
        for inputs, labels in loader:
            loss = F.cross_entropy(model(inputs.to(device)), labels.to(device))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            loss.item()
    return time.perf_counter() - began


@contextlib.contextmanager
def _as_torch_computes() -> Iterator[None]:
    """While it lasts, convolutions on a GPU are TF32: torch's own default, and any plain script's.

    See `choose_runtime`.
    """
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = True
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def _loaders(batch: int, size: int) -> tuple[int, ...]:
    """Numbers of loader processes to time; those that this machine has no room for are left out.

    Each has up to two batches in shared memory, of which a container may have 64 MB.
    """
    needed = (2 * _LOADERS + 1) * batch * 3 * size**2 * 4
    if _SHARED.is_dir() and needed > (free := shutil.disk_usage(_SHARED).free):
        print(
            f"{_SHARED} has {free / 1e6:,.0f} MB free, {_LOADERS} loader processes need "
            f"{needed / 1e6:,.0f}: the plain loop is timed without them",
            file=sys.stderr,
        )
        return (0,)
    return (0, _LOADERS)


def speed(
    dataset: str = "digits",
    size: int = 64,
    student: str = "resnet18",
    *,
    batch: int | None = None,
    rounds: int = 3,
    device: str = "auto",
    out: Path | None = None,
) -> None:
    """Time both loops in turn, print images per second and the ratio; and the time of the imports.

    Args:
        dataset, size, student: what is trained.
        batch: images per step; 128 up to 64 px, 32 above.
        rounds: counted rounds of each loop, in turn, after one that is not counted.
        device: "auto", "cpu" or "cuda".
        out: where the table goes, as csv.

    Raises:
        ValueError: no rounds, an unknown dataset, size, network or device, or images too small for
            the network.
    """
    check_count("rounds", rounds)
    if batch is not None:
        check_count("batch", batch)
    models.check_fits(student, size)
    choose_runtime(device)
    load(dataset, size)  # refuses what is no dataset or size, before anything is timed
    print(startup_line(), flush=True)
    table = time_loops(dataset, size, student, batch=batch, rounds=rounds, device=device)
    if out:
        files.write_csv(out, table)
    _report(table)


def time_loops(
    dataset: str,
    size: int,
    student: str,
    *,
    batch: int | None = None,
    rounds: int = 3,
    device: str = "auto",
) -> pd.DataFrame:
    """The rounds of both loops; see `speed`.

    Returns:
        A row per loop and round, columns COLUMNS. The plain loop is there once for each number of
        loader processes; the faster one is the baseline.
    """
    runtime = choose_runtime(device)
    batch = batch or (128 if size <= 64 else 32)
    pool = load(dataset, size).train
    images = pool[torch.arange(batch * _STEPS) % len(pool)]
    on_gpu = runtime.device.type == "cuda"
    # On a GPU the first steps are made one by one and the others replayed, which one epoch would
    # hardly show.
    protocol = protocols.hard(epochs=_GPU_EPOCHS if on_gpu else 1, batch=batch, crop=(0.08, 1.0))

    loops: dict[str, Callable[[], float]] = {
        f"plain, {count} workers": partial(
            _plain_epoch, images, student, batch, str(runtime.device), count
        )
        for count in _loaders(batch, size)
    }
    loops["rdc_kit"] = lambda: fit(images, protocol, student, 0, runtime).seconds / protocol.epochs
    facts = {
        "student": student,
        "size": size,
        "batch": batch,
        "images": len(images),
        "device": device_name(runtime.device),
        "git": store.git_state(),
        "versions": store.versions_in_words(),
    }
    rows = []
    for turn in range(rounds + 1):
        for name, once in loops.items():
            precision = runtime.precision if name == "rdc_kit" else "fp32"
            rate = len(images) / once()
            if turn:
                row = {"loop": name, "round": turn, "images_per_second": round(rate, 1)}
                rows.append({**facts, **row, "precision": precision})
    return pd.DataFrame(rows)[COLUMNS]


def _report(table: pd.DataFrame) -> None:
    speeds = table.groupby("loop", sort=False)["images_per_second"]
    for name, values in speeds:
        low, middle, high = values.min(), values.median(), values.max()
        print(f"{name:18s} {middle:9.1f} images/s  (rounds: {low:.1f} to {high:.1f})")
    medians = speeds.median()
    baseline = medians.drop("rdc_kit")
    first = table.iloc[0]
    print(
        f"ratio {medians['rdc_kit'] / baseline.max():.2f} against {baseline.idxmax()!r}: "
        f"{first['student']} at {first['size']} px, batch {first['batch']}, {first['device']}"
    )
