"""How a student stands up: common corruptions, a small attack, and its worst class.

All students of a comparison face the same images, the same noise and the same random starts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor, nn

from ...augment.views import plain_view
from ...data.imagesets import ImageSet, Traits
from ...ground import store
from ...ground.progress import bar
from ...ground.runtime import Runtime, choose_runtime, data_dir, device_name, generator
from ...methods import find
from ...train.evaluation import Accuracy, accuracy, check_pair
from ...train.protocols import Protocol
from ...train.training import fit
from ..figures.base import plot_arms
from ..grid import monitor
from ..grid.arms import Arm
from ..grid.experiments import Bench, Cell, arm_cells
from ..grid.rows import run_config
from .corruptions import CORRUPTIONS, level

COLUMNS = [
    *("arm", "method", "family", "dataset", "size", "ipc", "seed", "student", "epochs", "steps"),
    *("clean", "corrupted", *CORRUPTIONS, "pgd", "worst_class", "class_sd", "class_gap"),
    *("severity", "eps", "images", "seconds", "device", "precision", "config_hash"),
]
_BATCH = 100  # images; fixed, for the noise is drawn batch by batch


def pgd(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    traits: Traits,
    size: int,
    eps: float = 2 / 255,
    steps: int = 10,
    draws: torch.Generator | None = None,
) -> Tensor:
    """Change no pixel by more than `eps` so that the loss grows: projected gradient ascent.

    Args:
        model: on the images' device; it is put in eval mode and asked in fp32.
        images: uint8 [B, 3, S, S].
        labels: int64 [B].
        traits: normalisation of the source.
        size: side that the model sees, pixels.
        eps: largest change of a pixel on the scale 0..1.
        steps: gradient steps of size 2.5 * eps / steps, by the sign.
        draws: of the random start, on any device; without one the start is the image itself.

    Returns:
        float32 [B, 3, S, S] in 0..1.

    Source: Madry et al., arXiv 1706.06083.
    """
    model.eval()
    clean = images / 255
    low, high = (clean - eps).clamp(0, 1), (clean + eps).clamp(0, 1)
    pixels = clean
    if draws is not None:
        start = torch.rand(clean.shape, generator=draws, device=draws.device).to(clean.device)
        pixels = (clean + (2 * start - 1) * eps).clamp(low, high)
    for _ in range(steps):
        pixels = pixels.detach().requires_grad_()
        loss = F.cross_entropy(_ask(model, pixels, traits, size), labels, reduction="sum")
        (slope,) = torch.autograd.grad(loss, pixels)
        pixels = (pixels.detach() + slope.sign() * 2.5 * eps / steps).clamp(low, high)
    return pixels


def _ask(model: nn.Module, pixels: Tensor, traits: Traits, size: int) -> Tensor:
    """Logits [B, C] of pixels float [B, 3, S, S] in 0..1, without autocast."""
    return model(plain_view(pixels * 255, traits, size)).float()


def stress(
    stored: ImageSet,
    test: ImageSet,
    protocol: Protocol,
    student: str | None = None,
    seed: int = 0,
    runtime: Runtime | None = None,
    severity: int = 3,
    eps: float = 2 / 255,
    count: int = 500,
) -> dict[str, Any]:
    """Train on a set once and put the student to the test; fetched where it was done before.

    A run that was killed continues from its checkpoint.

    Args:
        stored, test: the set, and the images that it is judged on.
        protocol: the recipe, with hard labels.
        student: network; the source's default when left out.
        seed: root of the training's seed tree; the stress is the same for all seeds.
        runtime: device, and precision of the training; all measuring is in fp32.
        severity: of the corruptions, 1 to 5.
        eps: of the attack, on the scale 0..1.
        count: test images, drawn once for all students; all where there are fewer.

    Returns:
        What `measure` gives, and student, seed, epochs, steps, severity, eps, images, seconds (of
        the training), device, precision, config_hash.

    Raises:
        DataError: no test set, or one that does not fit. ValueError: the protocol needs a teacher,
            or a number is out of range.
    """
    test, runtime = check_pair(stored, test), runtime or choose_runtime()
    _check(protocol, severity, eps, count)
    student = student or stored.traits.student
    keys = stored.fingerprint(), test.fingerprint()
    config = run_config(*keys, protocol, student, seed, runtime, "")
    settings = {"severity": severity, "eps": eps, "images": min(count, len(test))}

    def make(home: Path) -> dict[str, Any]:
        checkpoint = home / "checkpoint.pt"
        fitted = fit(stored, protocol, student, seed, runtime, checkpoint=checkpoint)
        rows = torch.randperm(len(test), generator=generator(0, "stress"))[:count]
        found = measure(fitted.model, test[rows], severity, eps)
        checkpoint.unlink(missing_ok=True)
        row = {"student": student, "seed": seed, "epochs": protocol.epochs, "steps": fitted.steps}
        row |= {name: round(value, 3) for name, value in found.items()}
        row |= settings | {"seconds": round(fitted.seconds, 2), "config_hash": home.name}
        device = device_name(runtime.device)
        return row | {"device": device, "precision": runtime.precision}

    return store.cached(data_dir() / "runs" / "stress", config | settings, make)


def _check(protocol: Protocol, severity: int, eps: float, count: int) -> None:
    level("jpeg", severity)
    if protocol.labels != "hard":
        raise ValueError(
            f"protocol {protocol.name!r} has {protocol.labels} labels: a stress test is for "
            "students of hard labels, so that no teacher's strength is measured in their place"
        )
    if count < 1 or not 0 <= eps <= 1:
        raise ValueError(f"count must be at least 1 and eps in 0..1, got {count} and {eps}")


def measure(
    model: nn.Module, images: ImageSet, severity: int = 3, eps: float = 2 / 255
) -> dict[str, float]:
    """Put a trained network to the test.

    Args:
        model: on any device; it is left in eval mode.
        images: test images.
        severity, eps: see `stress`.

    Returns:
        Top-1 in percent: clean, corrupted (mean over the kinds), each kind of CORRUPTIONS, pgd. On
        the clean images, of each class's top-1 in percent: worst_class, class_sd (over the
        classes, divided by their number) and class_gap (best minus worst).
    """
    model.eval()
    clean = _accuracy(model, images, lambda part: part.images / 255)
    each = {kind: _accuracy(model, images, _corrupted(kind, severity)).top1 for kind in CORRUPTIONS}
    classes = np.array(clean.per_class)[images.counts().numpy() > 0]
    return {
        "clean": clean.top1,
        "corrupted": float(np.mean(list(each.values()))),
        **each,
        "pgd": _accuracy(model, images, _attacked(model, eps)).top1,
        "worst_class": float(classes.min()),
        "class_sd": float(classes.std()),
        "class_gap": float(np.ptp(classes)),
    }


Change = Callable[[ImageSet], Tensor]  # images to what is seen of them: float [B, 3, S, S], 0..1


def _corrupted(kind: str, severity: int) -> Change:
    draws = generator(0, "stress", kind)
    return lambda part: CORRUPTIONS[kind](part.images, severity, draws) / 255


def _attacked(model: nn.Module, eps: float) -> Change:
    draws, device = generator(0, "stress", "pgd"), next(model.parameters()).device

    def attacked(part: ImageSet) -> Tensor:
        images, labels = part.images.to(device), part.labels.to(device)
        return pgd(model, images, labels, part.traits, part.size, eps, draws=draws)

    return attacked


def _accuracy(model: nn.Module, images: ImageSet, change: Change) -> Accuracy:
    device, found = next(model.parameters()).device, []
    for start in range(0, len(images), _BATCH):
        pixels = change(images[start : start + _BATCH]).to(device)
        with torch.no_grad():
            found.append(_ask(model, pixels, images.traits, images.size).cpu())
    return accuracy(torch.cat(found), images.labels, images.num_classes)


def stress_arms(
    arms: Sequence[Arm],
    bench: Bench,
    ipc: int,
    seeds: int | Sequence[int] = 3,
    protocol: Protocol | None = None,
    student: str | None = None,
    **settings: Any,
) -> pd.DataFrame:
    """`stress` for each arm and seed.

    Args:
        arms: lines of the comparison.
        bench: pool, test set and device.
        ipc: stored images per class.
        seeds: how many, or which; a seed is the root of set and training.
        protocol: the recipe, `protocols.hard()` when left out; an arm's view and recipe change it.
        student: network; the source's default when left out.
        settings: severity, eps and count of `stress`.

    Returns:
        A row per arm and seed, columns COLUMNS; accuracies in percent.
    """
    cells, rows = arm_cells(arms, bench, ipc, seeds, protocol, student), []
    with monitor.reported(len(cells)) as report:
        for k in bar(range(len(cells)), "stress"):
            report(k, cells[k].arm.name)
            rows.append(_row(cells[k], bench, settings))
        report(len(cells), "")
    return pd.DataFrame(rows)[COLUMNS]


def _row(cell: Cell, bench: Bench, settings: dict[str, Any]) -> dict[str, Any]:
    recipe, stored = (cell.protocol, cell.student, cell.seed, bench.runtime), bench.make_set(cell)
    return {
        "arm": cell.arm.name,
        "method": cell.arm.method,
        "family": find(cell.arm.method).family,
        "dataset": bench.pool.provenance.get("source", "?"),
        "size": bench.pool.size,
        "ipc": cell.ipc,
        **stress(stored, bench.test, *recipe, **settings),
    }


def stress_figure(table: pd.DataFrame) -> Figure:
    """A panel per measure: each arm's mean as a line, ± 1 sd as a band, every seed as a point.

    Args:
        table: from `stress_arms`, of one dataset, size, ipc and student.
    """
    facts, seeds = table.iloc[0], table["seed"].nunique()
    panels = {
        "clean": "clean",
        "corrupted": f"corrupted, severity {facts['severity']}",
        "pgd": f"PGD, eps = {facts['eps'] * 255:.3g}/255",
        "worst_class": "worst class, clean",
    }
    arms = table["arm"].nunique()
    figure, axes = plt.subplots(
        1, len(panels), sharex=True, sharey=True, figsize=(9.6, 0.42 * arms + 1.6)
    )
    for ax, (measure, title) in zip(axes, panels.items(), strict=True):
        plot_arms(ax, table.assign(top1=table[measure]))
        ax.set_title(title)
        ax.set_xlabel("top-1 accuracy, %")
        ax.margins(x=0.08)
    for ax in axes[1:]:
        ax.tick_params(left=False)
    figure.suptitle(
        f"{facts['dataset']}, {facts['size']} px, {facts['ipc']} per class, hard labels, "
        f"{facts['epochs']} epochs, {facts['student']}; n = {seeds} seeds, "
        f"{facts['images']} test images; band: ± 1 sd"
    )
    return figure
