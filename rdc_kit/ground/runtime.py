"""Where and how we compute: device, precision, folders, and one tree of seeds."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch


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

    def __str__(self) -> str:
        layout = "channels_last" if self.channels_last else "contiguous"
        return f"{device_name(self.device)}, {self.precision}, {layout}"


def choose_runtime(device: str = "auto", precision: str = "auto") -> Runtime:
    """Pick the device and the precision.

    Args:
        device: "auto" (CUDA when there is one, else CPU), "cpu", "cuda" or "cuda:1".
        precision: "auto" (bf16 where the processor has it), "bf16", or "fp32" (exact).

    Raises:
        ValueError: unknown precision, or a CUDA device that is not there.
    """
    if precision not in ("auto", "bf16", "fp32"):
        raise ValueError(f"precision must be 'auto', 'bf16' or 'fp32', got {precision!r}")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        chosen = torch.device(device)
    except RuntimeError:
        raise ValueError(f"unknown device {device!r}: use 'auto', 'cpu' or 'cuda'") from None
    if chosen.type not in ("cpu", "cuda"):
        raise ValueError(f"device {device!r} is not supported: use 'auto', 'cpu' or 'cuda'")
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device {device!r} asked for, but torch sees no CUDA GPU: use 'cpu'")
    if precision == "auto":
        precision = "bf16" if has_bf16(chosen) else "fp32"
    return Runtime(chosen, precision, channels_last=precision == "bf16")


def has_bf16(device: torch.device) -> bool:
    """True where bf16 is done in hardware; elsewhere it is emulated and slower than fp32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    with contextlib.suppress(OSError):
        flags = Path("/proc/cpuinfo").read_text()
        return "amx_bf16" in flags or "avx512_bf16" in flags
    return False


def device_name(device: torch.device) -> str:
    """Human name of the processor, for tables and figures."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    amx = ", AMX" if has_bf16(device) else ""
    return f"CPU ({platform.machine()}, {torch.get_num_threads()} threads{amx})"


def derive_seed(seed: int, *path: str | int) -> int:
    """One branch of the seed tree: (0, "views", 3) and (0, "init") share nothing.

    Args:
        seed: the one integer that the user chose.
        path: what the randomness is for, such as "order" and an epoch.
    """
    text = "/".join(str(part) for part in (seed, *path))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *path: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator for one purpose; nothing in the kit draws from global random state."""
    return torch.Generator(device=device).manual_seed(derive_seed(seed, *path))


@contextlib.contextmanager
def seeded_globals(seed: int, *path: str | int) -> Iterator[None]:
    """Seed torch's CPU generator for a block and restore it, for code that offers no generator.

    Model construction is the one case: nn.Module initialisers draw from global state.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed(seed, *path))
        yield


def checkout() -> Path:
    """The folder that holds rdc_kit/, notebooks/ and figures/."""
    return Path(__file__).resolve().parents[2]


def home_dir() -> Path:
    """Folder that data/ and figures/ are in: RDC_HOME, else the checkout.

    It never depends on the working directory, so a notebook and the command line agree.
    """
    named = os.environ.get("RDC_HOME")
    return Path(named).resolve() if named else checkout()


def data_dir() -> Path:
    """Folder for downloads, caches and runs."""
    return home_dir() / "data"


def local_copies() -> Path | None:
    """RDC_DATA, the folder of local dataset copies that is looked at before any download.

    A relative RDC_DATA is read from the checkout, whatever the working directory.
    """
    named = os.environ.get("RDC_DATA")
    return (checkout() / named).resolve() if named else None
