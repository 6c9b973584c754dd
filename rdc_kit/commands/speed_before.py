"""The way before: grids as they ran until version 0.2, kept callable as the baseline of speed.

One process with all threads that spin while they wait; memory that goes back to the system at every
step; ReLU in place, group norm in bf16, test images by 256; on a GPU each operation by itself.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar
from unittest import mock

from torch import nn

T = TypeVar("T")
_SPINS = "300000"  # OpenMP's own number where none is set


def in_the_old_way(call: Callable[..., T], *values: Any) -> T:
    """What `call(*values)` returns, from a fresh process that works in the old way.

    Args:
        call, values: can be pickled.
    """
    with mock.patch.dict(os.environ, {"GOMP_SPINCOUNT": _SPINS, "RDC_REPLAY": "0"}):
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, context) as process:
            return process.submit(_call, call, values).result()


def _call(call: Callable[..., T], values: tuple[Any, ...]) -> T:
    with old_steps():
        return call(*values)


@contextlib.contextmanager
def old_steps() -> Iterator[None]:
    """While it lasts, networks and tests are as before; for memory it is then too late."""
    from ..train import accuracy, models

    build = models.build

    def in_place(*values: Any, **named: Any) -> nn.Module:
        model = build(*values, **named)
        for module in model.modules():
            if isinstance(module, nn.ReLU | nn.ReLU6 | nn.SiLU):
                module.inplace = True
        return model

    with (
        mock.patch("rdc_kit.ground.device.keep_freed_memory"),
        mock.patch.object(models, "build", in_place),
        mock.patch.object(models.GroupNorm, "forward", nn.GroupNorm.forward),
        mock.patch.object(accuracy, "CPU_BATCH", 256),
    ):
        yield
