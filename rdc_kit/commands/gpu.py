"""`rdc gpu`: everything worth doing while a GPU is lent, the most valuable first, within a time.

A table of each step is there as soon as the step ends, so a loan that ends early loses one step.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from ..data.sources import at_hand
from ..ground.folders import checkout, evidence_dir
from ..ground.progress import human_time

_LEAST = 30.0  # seconds that must be left for another step to begin
_GRACE = 5.0  # seconds that a step which is ended has for its last words
_END = 20.0  # seconds before its end in which a step begins nothing more


@dataclass(frozen=True)
class Step:
    """A call of a python module, and the minutes that it may take; MINUTES stands for them."""

    title: str
    words: tuple[str, ...]
    minutes: float


def steps(out: Path) -> list[Step]:
    """What is done, in order; with Imagenette and CIFAR-10 where they are at hand."""

    def loop(size: int, batch: int) -> Step:
        pool = "imagenette" if "imagenette" in at_hand() else "digits"
        table = out / f"speed-resnet18-{size}px-gpu.csv"
        words = ("rdc_kit", "speed", "--dataset", pool, "--size", str(size), "--device", "cuda")
        batched = ("--batch", str(batch), "--rounds", "2", "--out", str(table))
        return Step(f"training loop, ResNet-18, {size} px", (*words, *batched), 3)

    pools = [name for name in at_hand() if name in ("cifar10", "imagenette")] or ["digits"]
    grid = ("rdc_kit", "speed", "--grid", *pools, "--workers", "1")
    replay = ("rdc_kit", "speed", "--replay", "--out", str(out / "speed-replay-gpu.csv"))
    root = checkout()  # an installed package has no tests
    tests = [Step("tests that need a GPU", ("pytest", "-q", "-m", "gpu", f"{root}/tests"), 4)]
    return [
        *tests * (root is not None),
        Step("steps one by one and replayed", replay, 2),
        loop(224, 128),
        loop(64, 256),
        Step("runs per hour", (*grid, "--out", str(out / "speed-grid-gpu.csv")), 5),
        Step("evidence by priority", ("rdc_kit", "evidence", "--minutes", "MINUTES"), math.inf),
    ]


def gpu(minutes: float = 25.0, out: Path | None = None) -> int:
    """Make every step that fits into the time; print a line for each.

    Args:
        minutes: for all together. A step that is still at work then is ended.
        out: folder of the tables; the committed evidence when left out.

    Returns:
        0 when every step that was begun ended well and none was left out.

    Raises:
        ValueError: torch sees no GPU.
    """
    if not torch.cuda.is_available():
        raise ValueError("rdc gpu needs a CUDA GPU, but torch sees none")
    end = time.monotonic() + 60 * minutes
    out = out or evidence_dir()
    results = {step.title: _make(step, end) for step in steps(out)}
    good = list(results.values()).count("ok")
    print(f"gpu: {good} of {len(results)} steps ok on {torch.cuda.get_device_name()}; {out}")
    return int(good < len(results))


def _make(step: Step, end: float) -> str:
    """ "ok", or what became of a step."""
    left = end - time.monotonic()
    began, said = time.monotonic(), "left out, no time"
    if left > _LEAST:
        given = min(left, 60 * step.minutes)
        print(f"{step.title}: up to {human_time(given)}", flush=True)
        try:
            minutes = f"{(given - _END) / 60:.2f}"
            words = [minutes if word == "MINUTES" else word for word in step.words]
            command = [sys.executable, "-m", *words]
            code = _ended(command, given)
            said = "ok" if code == 0 else f"failed with status {code}"
        except subprocess.TimeoutExpired:
            said = "ended, no time left"
    print(f"{step.title}: {said} after {human_time(time.monotonic() - began)}", flush=True)
    return said


def _ended(command: list[str], timeout: float) -> int:
    """Exit status of a call; when its time is over, all that it has started ends with it.

    Its workers would otherwise keep the GPU's memory from the next step.

    Raises:
        subprocess.TimeoutExpired: after so many seconds.
    """
    process = subprocess.Popen(command, start_new_session=True)
    try:
        return process.wait(timeout)
    except BaseException:  # the keyboard's signal does not reach another session by itself
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(_GRACE)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
