"""`rdc speed --replay`: a GPU's training steps, started one by one and replayed.

See `train.replay`. The time is that of whole epochs, with all that is between the steps.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import pandas as pd
import torch

from ..data.checks import check_count
from ..data.loading import load
from ..ground import files, store
from ..ground.device import choose_runtime, device_name
from ..train import protocols
from ..train.training import fit


class Case(NamedTuple):
    """A training on the first images of digits, made larger; `steps` take about a second."""

    student: str
    size: int
    images: int
    batch: int
    steps: int


CASES = [
    Case("convnet3-w128", 32, 10, 10, 300),
    Case("convnet3-w128", 32, 100, 50, 600),
    Case("convnet3-w128", 32, 1280, 128, 300),
    Case("convnet4-w128", 64, 400, 50, 300),
    Case("resnet18-small", 64, 1024, 128, 60),
    Case("resnet18", 224, 256, 32, 60),
    Case("resnet18", 224, 1024, 128, 60),
]
WAYS = {"one by one": "0", "replayed": "1"}


def speed_replay(
    *, rounds: int = 3, device: str = "auto", out: Path | None = None, cases: list[Case] = CASES
) -> None:
    """Time every case in both ways, and print a line each.

    Args:
        rounds: of each case and way, in turn, after one that is not counted.
        device: "auto" or "cuda". On a CPU nothing is replayed.
        out: where the table goes, as csv. cases: what is trained.

    Raises:
        ValueError: fewer than one round, or no GPU.
    """
    check_count("rounds", rounds)
    if choose_runtime(device).device.type == "cpu":
        raise ValueError("speed --replay needs a CUDA GPU: on a CPU no step is replayed")
    rows = []
    for case in cases:
        rows += (own := _time_both(case, rounds, device))
        middle = pd.DataFrame(own).groupby("way")["ms_per_step"].median()
        print(
            f"{case.student}, {case.size} px, batch {case.batch}: {middle['one by one']:.2f} ms a "
            f"step, {middle['replayed']:.2f} replayed, "
            f"ratio {middle['one by one'] / middle['replayed']:.2f}",
            flush=True,
        )
    table = pd.DataFrame(rows)
    if out:
        files.write_csv(out, table)
    print(f"speed: {len(cases)} networks on {table['device'].iloc[0]}")


def _time_both(case: Case, rounds: int, device: str = "auto") -> list[dict[str, Any]]:
    """A row for every round of both ways."""
    runtime = choose_runtime(device)
    pool = load("digits", case.size).train
    images = pool[torch.arange(case.images) % len(pool)]
    epochs = max(1, case.steps * case.batch // case.images)
    protocol = protocols.hard(epochs=epochs, batch=case.batch)
    facts = case._asdict() | {"device": device_name(runtime.device), "precision": runtime.precision}
    facts |= {"git": store.git_state(), "torch": store.versions()["torch"]}
    rows = []
    for turn in range(rounds + 1):
        for way, asked in WAYS.items():
            with mock.patch.dict(os.environ, {"RDC_REPLAY": asked}):
                fitted = fit(images, protocol, case.student, 0, runtime)
            if turn:
                each = 1000 * fitted.seconds / fitted.steps
                rate = fitted.views / fitted.seconds
                told = {"way": way, "round": turn, "ms_per_step": round(each, 3)}
                rows.append(facts | told | {"images_per_second": round(rate, 1)})
    return rows
