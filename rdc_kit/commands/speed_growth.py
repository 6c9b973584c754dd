"""`rdc speed --growth`: time and memory of the main calls, against the size of what they are given.

On made-up images of 8 px, up to as many rows and classes as ImageNet-1k has. Every measurement has
a fresh process, so that its peak of memory is its own.
"""

from __future__ import annotations

import contextlib
import io
import math
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from ..combine import combine
from ..data.checks import check_count
from ..data.imagesets import ImageSet, Traits
from ..ground import files, store
from ..ground.device import choose_runtime, device_name
from ..prune.recorders import Scores
from ..prune.scores import dynamics
from ..prune.selection import ORDERS, select
from ..study.grid.arms import Arm
from ..study.grid.experiments import plan_trials
from ..study.grid.setups import Setup
from ..study.verdicts.metrics import differences_to_random
from ..study.verdicts.stats import accuracy_table, summarise
from .doctor import doctor

IMAGENET = 1_281_167
_ROWS = (20_000, 80_000, 320_000, IMAGENET)
_LINEAR = 1.2  # the exponent above which a call is said to grow faster than its input
_TOO_SHORT = 0.5  # seconds; what takes less says little of growth
Job = Callable[[], object]


def made_up(rows: int, classes: int = 1000, size: int = 8) -> ImageSet:
    """Noise with labels that take turns."""
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(256, (rows, 3, size, size), dtype=torch.uint8, generator=draw)
    names = tuple(f"class {k}" for k in range(classes))
    traits = Traits(student="convnet2-w8")
    return ImageSet(images, torch.arange(rows) % classes, names, torch.arange(rows), traits)


def _scoring(rows: int) -> Job:
    pool = made_up(rows, 1000)
    return lambda: dynamics(pool, 1, 1, seed=time.time_ns())


def _selecting(order: str, rows: int, classes: int = 1000) -> Job:
    pool = made_up(rows, classes)
    values = torch.rand(rows, generator=torch.Generator().manual_seed(1))
    scores = Scores.of(pool, "el2n", values)
    return lambda: select(pool, scores, 10, order)


def _combining(ipc: int, classes: int = 1000, size: int = 8) -> Job:
    pool = made_up(4 * ipc * classes, classes, size)
    return lambda: combine(select(pool, None, 4 * ipc, "random"), 2)


def _combining_at(pixels: int) -> Job:
    return _combining(10, 100, math.isqrt(pixels))


def _tabling(rows: int) -> Job:
    seeds, arms = 5, ["random", "sre2l", "rded", "pca"]
    ipcs = rows // (seeds * len(arms))
    keys = [(a, i, s) for i in range(ipcs) for a in arms for s in range(seeds)]
    table = pd.DataFrame(keys, columns=["arm", "ipc", "seed"])
    table = table.assign(method=table["arm"], protocol="hard", student="resnet18")
    table["top1"] = np.random.default_rng(0).normal(50, 5, len(table))
    table = table.assign(dataset="made up", labels="hard", size=8)
    lines = table.assign(arm=table["arm"] + table["ipc"].map(" ipc={}".format))
    return lambda: (accuracy_table(table), summarise(lines), differences_to_random(table))


def _planning(trials: int) -> Job:
    pool = made_up(2000, 10)
    setup = Setup(pool, pool, choose_runtime("cpu"))
    return lambda: plan_trials(setup, [Arm("random"), Arm("pca")], 1, seeds=trials // 2)


# What grows, the values it takes, and the call, prepared from one of them.
CASES: list[tuple[str, str, tuple[int, ...], Callable[[int], Job]]] = [
    ("score, one epoch", "rows", _ROWS, _scoring),
    *((f"select {order}", "rows", _ROWS, partial(_selecting, order)) for order in ORDERS),
    *(
        (f"select {order}", "classes", (10, 100, 1000), partial(_selecting, order, 320_000))
        for order in ORDERS
    ),
    ("combine", "ipc", (1, 10, 100), _combining),
    ("combine, 10 per class", "classes", (10, 100, 1000), partial(_combining, 10)),
    ("combine, 10 of 100 classes", "pixels", (64, 256, 1024, 4096), _combining_at),
    ("fingerprint", "rows", _ROWS, lambda rows: made_up(rows).fingerprint),
    ("tables", "rows", (1_000, 10_000, 100_000), _tabling),
    ("plan trials", "trials", (100, 1_000, 10_000), _planning),
    ("doctor", "calls", (1,), lambda _: doctor),
]


def speed_growth(*, rounds: int = 2, out: Path | None = None) -> None:
    """Time every call, print a line for each and how it grows.

    Args:
        rounds: measurements of each; the quickest counts.
        out: where the table goes, as csv.

    Raises:
        ValueError: no rounds.
    """
    check_count("rounds", rounds)
    rows, worse = [], list[str]()
    for k, (name, axis, values, _) in enumerate(CASES):
        found = [min(_measured(k, value) for _ in range(rounds)) for value in values]
        power = exponent(values, [seconds for seconds, _ in found])
        for value, (seconds, peak) in zip(values, found, strict=True):
            row = {"call": name, "axis": axis, "value": value, "seconds": round(seconds, 4)}
            rows.append(row | {"megabytes": round(peak), "exponent": round(power, 2)})
        told = ", ".join(f"{v:,}: {s:.2f} s" for v, (s, _) in zip(values, found, strict=True))
        fast = power > _LINEAR and found[-1][0] > _TOO_SHORT
        said = " FASTER THAN ITS INPUT" if fast else ""
        worse += [name] * fast
        print(f"{name} by {axis}: {told}; grows as {axis}^{power:.1f}{said}", flush=True)
    facts = {"device": device_name(torch.device("cpu")), "git": store.git_state()}
    table = pd.DataFrame(rows).assign(**facts)
    if out:
        files.write_csv(out, table)
    print(f"speed: {len(CASES)} calls; faster than their input grow: {', '.join(worse) or 'none'}")


def exponent(values: tuple[int, ...], seconds: list[float]) -> float:
    """p of seconds ~ value^p between the last two values, where fixed costs matter least."""
    if len(values) < 2:
        return 0.0
    return math.log(seconds[-1] / seconds[-2]) / math.log(values[-1] / values[-2])


def _measured(case: int, value: int) -> tuple[float, float]:
    """Seconds of a call, and its process's peak of memory in megabytes."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as process:
        return process.submit(_call, case, value).result()


def _call(case: int, value: int) -> tuple[float, float]:
    os.environ["RDC_INTERACTIVE"] = "0"
    job: Any = CASES[case][3](value)
    with contextlib.redirect_stdout(io.StringIO()):  # doctor talks
        began = time.perf_counter()
        job()
        seconds = time.perf_counter() - began
    return seconds, _peak_megabytes()


def _peak_megabytes() -> float:
    """Of this process, of all its time; Linux tells it in kB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)
