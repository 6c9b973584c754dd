"""The device and the number format of the training that runs on it."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from .limits import cores
from .memory import keep_freed_memory
from .progress import say_once

DEVICES = ("cpu", "cuda")  # kinds that the kit knows
PRECISIONS = ("bf16", "fp32")
_ARCH = re.compile(r"(sm|compute)_(\d+)(\d)([af]?)")  # what a torch is built for, such as sm_90a


@dataclass(frozen=True)
class Runtime:
    """A device and the number format that its training runs in.

    Attributes:
        device: where the images, the model and the views live.
        precision: "bf16" (autocast, weights stay fp32) or "fp32" (exact mode).
        channels_last: memory layout of model and batch; it changes speed, not meaning.
    """

    device: torch.device
    precision: str
    channels_last: bool

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Context in which forward passes run."""
        on = self.precision == "bf16"
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=on)

    @property
    def memory_format(self) -> torch.memory_format:
        """Layout for the model and each batch."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def placed(self, model: torch.nn.Module) -> torch.nn.Module:
        """A network on the device and in the layout of its batches; it is moved, not copied."""
        return model.to(self.device).to(memory_format=self.memory_format)

    @property
    def layout(self) -> str:
        """Name of the memory format, for tables."""
        return "channels_last" if self.channels_last else "contiguous"

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A process that is handed a runtime computes as the one that chose it."""
        self.__dict__.update(state)
        _without_tf32(self.device)

    def __str__(self) -> str:
        return f"{device_name(self.device)}, {self.precision}, {self.layout}"


def choose_runtime(device: str = "auto", precision: str = "auto") -> Runtime:
    """Pick the device and the precision.

    Args:
        device: "auto" (CUDA if there is a GPU that torch can use, else CPU), "cpu", "cuda" or
            "cuda:1".
        precision: "auto" (what RDC_PRECISION asks for, else bf16 if the processor has it),
            "bf16", or "fp32" (exact).

    On a GPU, "fp32" is that from now on: torch computes no convolution or product in TF32.

    Raises:
        ValueError: unknown precision, or a CUDA device that torch does not see or has no code for.
    """
    precision = precision_asked() if precision == "auto" else _known(precision)
    chosen = torch.device(_usable()) if device == "auto" else _checked(device)
    _without_tf32(chosen)
    if chosen.type == "cpu":
        keep_freed_memory()
    if torch.get_num_threads() > cores():  # torch does not know of a container's quota
        torch.set_num_threads(cores())
    if precision == "auto":
        precision = "bf16" if has_bf16(chosen) else "fp32"
    return Runtime(chosen, precision, channels_last=precision == "bf16")


def _without_tf32(device: torch.device) -> None:
    """Have a GPU's convolutions not round their inputs to ten bits, which is torch's default."""
    if device.type == "cuda":
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False


def _usable() -> str:
    """ "cuda" if there is a GPU that torch can use, else "cpu"."""
    if not torch.cuda.is_available():
        return "cpu"
    reason = without_kernels(torch.device("cuda"))
    if reason:
        say_once(f"{reason}; until then the CPU computes", sys.stderr)
    return "cpu" if reason else "cuda"


def _checked(device: str) -> torch.device:
    """A device that was asked for by name."""
    try:
        asked = torch.device(device)
    except RuntimeError:
        raise ValueError(f"unknown device {device!r}: use 'auto', 'cpu' or 'cuda'") from None
    if asked.type not in DEVICES:
        raise ValueError(f"device {device!r} is not supported: use 'auto', 'cpu' or 'cuda'")
    if asked.type == "cpu":
        return asked
    if not torch.cuda.is_available():
        raise ValueError(f"device {device!r} needs a CUDA GPU, but torch sees none: use 'cpu'")
    if (asked.index or 0) >= torch.cuda.device_count():
        known = torch.cuda.device_count()
        raise ValueError(f"device {device!r} is not there: torch sees {known} GPUs, from cuda:0 on")
    if reason := without_kernels(asked):
        raise ValueError(f"{reason}, or use 'cpu'")
    return asked


def without_kernels(device: torch.device) -> str:
    """Why the installed torch cannot compute on a GPU that it sees, and what to do; "" if it can.

    Compiled code runs on the cards of its generation from its own number on, such as sm_80 on 8.6;
    PTX (compute_80) on all later ones too.
    """
    have = torch.cuda.get_device_capability(device)
    found = map(_ARCH.fullmatch, torch.cuda.get_arch_list())
    built = {(int(m[2]), int(m[3])): (m[1], m[4]) for m in found if m}
    if not built or any(_runs(have, at, *how) for at, how in built.items()):
        return ""
    oldest, newest = (f"{at[0]}.{at[1]}" for at in (min(built), max(built)))
    return (
        f"{machine_name(device)} has compute capability {have[0]}.{have[1]}, for which torch "
        f"{torch.__version__} has no code (only for {oldest} to {newest}): install a torch that is "
        "built for this GPU, see https://pytorch.org/get-started/locally"
    )


def _runs(have: tuple[int, int], at: tuple[int, int], kind: str, only: str) -> bool:
    """Whether code that is built for capability `at` runs on a GPU that has `have`."""
    if only == "a":  # for this card and no other
        return have == at
    return have >= at and (kind == "compute" or have[0] == at[0])


def free_on(device: torch.device) -> int:
    """Bytes of a GPU that this process may take; what torch keeps for its next tensors counts."""
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def give_back(device: torch.device) -> None:
    """Leave to other processes what torch keeps of a GPU's memory for its next tensors."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def precision_asked() -> str:
    """The environment's RDC_PRECISION: "bf16", "fp32", or "auto" when it is not set.

    Raises:
        ValueError: another value.
    """
    return _known(os.environ.get("RDC_PRECISION", "auto"))


def _known(precision: str) -> str:
    if precision not in ("auto", *PRECISIONS):
        raise ValueError(f"precision must be 'auto', 'bf16' or 'fp32', got {precision!r}")
    return precision


def has_bf16(device: torch.device) -> bool:
    """True if the processor computes bf16 in hardware; without that, bf16 is slower than fp32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return bool(_bf16_units())


def _bf16_units() -> str:
    """What computes bf16 in this processor: "AMX", "AVX-512 BF16", or "" for nothing."""
    with contextlib.suppress(OSError):
        flags = Path("/proc/cpuinfo").read_text()
        if "amx_bf16" in flags:
            return "AMX"
        return "AVX-512 BF16" if "avx512_bf16" in flags else ""
    return ""


def device_name(device: torch.device) -> str:
    """Readable name of the processor and of the threads in use, for tables and figures."""
    if device.type == "cuda":
        return machine_name(device)
    return f"CPU ({machine_name(device)}, {torch.get_num_threads()} threads)"


@functools.cache
def machine_name(device: torch.device) -> str:
    """Name of the processor, however many threads use it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    name = platform.machine()
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":")[1] for line in lines if line.startswith("model name")).strip()
    return ", ".join(filter(None, (name, _bf16_units())))
