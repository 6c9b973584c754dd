"""`rdc doctor`: one [OK] or [FAIL] line per requirement, and what to do."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import torch
from packaging.requirements import Requirement

from ..data import sources
from ..data.survey import survey
from ..ground.device import choose_runtime, machine_name, without_kernels
from ..ground.folders import data_dir, local_copies
from ..ground.names import printable
from .startup import startup_line

_DRIVER = Path("/proc/driver/nvidia/version")  # a text, where the driver of NVIDIA GPUs is loaded
_CARD = Path("/dev/nvidia0")  # a container sees the driver's text, though it may be lent no GPU
_PLACES = 5  # of a finding, unless all are asked for


def _python() -> str:
    """An older Python cannot reach this line: the kit's syntax needs 3.11."""
    return f"{platform.python_version()} ({sys.executable})"


def _package(requirement: Requirement) -> Callable[[], str]:
    def look() -> str:
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            raise RuntimeError("not installed: run `make test`, or install requirements") from None
        if not requirement.specifier.contains(version, prereleases=True):
            raise RuntimeError(f"{version} does not satisfy {str(requirement)!r}: install them")
        return version

    return look


def _pair() -> str:
    """A torch with the wrong torchvision imports, but fails at the first operator."""
    import torchvision

    boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    torchvision.ops.nms(boxes, torch.ones(1), 0.5)
    return f"torch {torch.__version__} and torchvision {torchvision.__version__} work together"


def _compute() -> str:
    chosen = choose_runtime()
    with chosen.autocast():
        model = torch.nn.Conv2d(3, 4, 3).to(chosen.device)
        dtype = model(torch.randn(1, 3, 8, 8, device=chosen.device)).dtype
    return f"{chosen}; convolutions run in {dtype}"


def _gpu() -> str:
    """A GPU that stands idle, and why."""
    asked = os.environ.get("CUDA_VISIBLE_DEVICES")
    if asked is not None and asked.strip() in ("", "-1"):
        return f"CUDA_VISIBLE_DEVICES={asked!r} hides what there is"
    hide = "; to do without this GPU, set CUDA_VISIBLE_DEVICES to nothing"
    if torch.cuda.is_available():
        if reason := without_kernels(torch.device("cuda")):
            raise RuntimeError(reason + hide)
        return machine_name(torch.device("cuda"))
    if not (_DRIVER.is_file() and _CARD.exists()):
        return "none that torch sees: the CPU computes"
    if torch.version.cuda is None:
        raise RuntimeError(
            "there is an NVIDIA GPU, but this torch is built for the CPU alone: install one for "
            f"CUDA, see https://pytorch.org/get-started/locally{hide}"
        )
    driver = re.search(r"\d+\.\d[\d.]*", _DRIVER.read_text())
    raise RuntimeError(
        f"there is an NVIDIA GPU, but torch does not see it: its driver "
        f"({driver[0] if driver else 'unknown'}) may be too old for CUDA {torch.version.cuda}, "
        "which this torch is built for: update the driver, or install a torch for an older CUDA, "
        f"see https://pytorch.org/get-started/locally{hide}"
    )


def _kernel() -> str:
    from jupyter_client.kernelspec import KernelSpecManager

    spec = KernelSpecManager().get_kernel_spec("python3")
    return f"python3 in {spec.resource_dir}"


def _disk() -> str:
    folder = data_dir()
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise RuntimeError(f"{folder} is not writable: set RDC_HOME to a folder that is")
    free = shutil.disk_usage(folder).free / 1e9
    if free < 2:
        remedy = "free some, or set RDC_HOME to another disk"
        raise RuntimeError(f"{free:.1f} GB free in {folder}: {remedy}")
    return f"{free:.0f} GB free in {folder}"


def _data() -> str:
    copies = local_copies()
    if copies is None:
        return "RDC_DATA is not set: digits is bundled, other datasets come from the Hub"
    if not os.path.isdir(copies):  # Path raises over a name that no disk can hold
        raise RuntimeError(f"RDC_DATA names {copies}, which does not exist")
    names = [name for name in sources.at_hand() if name != "digits"]
    return f"local copies in {copies}: {', '.join(names) or 'none of the named datasets'}"


def requirements() -> list[Requirement]:
    """What the package requires, without what its tests do.

    Raises:
        ValueError: the package is not installed, so nothing says what it requires.
    """
    try:
        specifiers = metadata.requires("rdc_kit") or []
    except metadata.PackageNotFoundError:
        raise ValueError(
            "rdc_kit is not installed here, only its folder: run `make .venv/ready`, or "
            "`pip install -e .` in the folder"
        ) from None
    return [Requirement(spec) for spec in specifiers if "extra ==" not in spec]


def doctor() -> int:
    """Print a line per requirement.

    Returns:
        0 when all are met, else 1.
    """
    checks: list[tuple[str, Callable[[], str]]] = [("python", _python)]
    checks += [(asked.name, _package(asked)) for asked in requirements()]
    checks += [("torch pair", _pair), ("gpu", _gpu), ("compute", _compute)]
    checks += [("jupyter kernel", _kernel), ("disk", _disk), ("data", _data)]
    checks += [("start", lambda: startup_line(rounds=1))]
    failures = 0
    for name, look in checks:
        try:
            print(f"[OK]   {name}: {look()}")
        except Exception as error:  # a failed check must not stop the others
            failures += 1
            print(f"[FAIL] {name}: {error}")
    print("doctor: all is well" if not failures else f"doctor: {failures} thing(s) to fix")
    return 1 if failures else 0


def doctor_data(name: str, size: int | None = None, every: bool = False) -> int:
    """Look at every image of a source and print what should be looked at; see `data.survey`.

    Args:
        name, size: as for `load`.
        every: print all places of a finding, not the first few.

    Returns:
        0 where there is nothing, else 1.
    """
    found = survey(name, size)
    for fact in found.facts:
        print(fact)
    for what, places in found.findings.items():
        print(f"{found.counts[what]} {what}:")
        shown = places if every else places[:_PLACES]
        for place in shown:
            print(f"    {place}")
        if more := len(places) - len(shown):
            print(f"    and {more} more: --all names them")
    count = len(found.findings)
    said = f"{count} thing{'s' * (count > 1)} that should" if count else "nothing that should"
    print(f"doctor: {said} be looked at in {printable(name)}")
    return int(bool(count))
