"""The right arithmetic: precision and memory layout of a network, by a timed probe on this machine.

bf16 is the quickest on most processors that have it in hardware, but for some shapes it is several
times slower than fp32, and the layout matters as much. So on a CPU a few steps are timed in each
way, once for a network, a size and a machine.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

import torch
import torch.nn.functional as F

from ..ground import store
from ..ground.device import Runtime, has_bf16, machine_name, precision_asked
from ..ground.folders import runs_dir
from ..ground.seeds import generator
from . import models

_CLEARLY = 1.25  # times faster than the usual way that another one must be
_HOPELESS = 2.0  # times slower in a step than the usual way: it is timed no further
_STEPS = 3


def quickest(runtime: Runtime, student: str, size: int) -> Runtime:
    """The runtime with the precision and the layout that train a network soonest.

    `runtime` itself where no other way is clearly faster, where the user asked for a precision
    (RDC_PRECISION), or on a GPU. The probe is kept for this machine, so later calls decide alike.

    Args:
        runtime: from `choose_runtime()`.
        student: name of the network. size: of its inputs, pixels.

    Raises:
        ValueError: unknown network, or images too small for it.
    """
    # On a GPU the probe would time how soon Python starts the operations of a small batch, which
    # says nothing of a training: that one is replayed, with larger batches, and there bf16 wins.
    if precision_asked() != "auto" or runtime.device.type != "cpu":
        return runtime
    config = {
        "what": "arithmetic",
        "machine": machine_name(runtime.device),
        "usual": [runtime.precision, runtime.channels_last],
        "student": student,
        "size": size,
    }
    home = store.cached(runs_dir("probes"), config, lambda home: _gains(runtime, student, size))
    precision, channels_last, gain = max(store.result_of(home), key=lambda way: way[2])
    if gain < _CLEARLY:
        return runtime
    return replace(runtime, precision=precision, channels_last=channels_last)


def _gains(runtime: Runtime, student: str, size: int) -> list[tuple[str, bool, float]]:
    """Every way's precision, whether it is channels_last, and how many times faster it is."""
    precisions = ("bf16", "fp32") if has_bf16(runtime.device) else ("fp32",)
    usual = _step_seconds(runtime, student, size)
    found = []
    for precision, last in itertools.product(precisions, (True, False)):
        way = replace(runtime, precision=precision, channels_last=last)
        if way != runtime:
            seconds = _step_seconds(way, student, size, _HOPELESS * usual)
            found.append((precision, last, round(usual / seconds, 3)))
    return found


def _step_seconds(runtime: Runtime, student: str, size: int, limit: float = float("inf")) -> float:
    """The quickest of a few training steps; the first warms up, and `limit` ends the others."""
    batch = 16 if size <= models.SMALL else 4
    model = runtime.placed(models.build(student, 10, size)).train()
    optimiser = torch.optim.AdamW(model.parameters(), fused=True)
    inputs = torch.randn(batch, 3, size, size, generator=generator(0, "probe")).to(runtime.device)
    inputs = inputs.contiguous(memory_format=runtime.memory_format)
    labels = torch.arange(batch, device=runtime.device) % 10
    times: list[float] = []
    for _ in range(_STEPS + 1):
        began = time.perf_counter()
        with runtime.autocast():
            logits = model(inputs)
        F.cross_entropy(logits.float(), labels).backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        times.append(time.perf_counter() - began)
        if len(times) > 1 and times[-1] > limit:
            break
    return min(times[1:])
