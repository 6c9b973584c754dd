"""How long it takes until something can happen: the import and the command line, timed."""

from __future__ import annotations

import subprocess
import sys
import time

# All that the README's example uses, so that names that come in late are counted too.
_USE = "import rdc_kit as rdc; rdc.load, rdc.el2n, rdc.select, rdc.combine, rdc.evaluate"
_CALLS = {
    "import torch": ["-c", "import torch"],
    "import rdc_kit": ["-c", "import rdc_kit"],
    "import and first use": ["-c", _USE],
    "rdc --help": ["-m", "rdc_kit", "--help"],
}


def startup_times(rounds: int = 3) -> dict[str, float]:
    """Seconds of each call in a fresh Python process, the least of some rounds.

    The empty process itself is taken off. One round more comes first and is not counted: it
    fetches the files from the disk.
    """
    calls = {"nothing": ["-c", "pass"], **_CALLS}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, arguments in calls.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
            times[name].append(time.perf_counter() - began)
    least = {name: min(values[1:]) for name, values in times.items()}
    return {name: least[name] - least["nothing"] for name in _CALLS}


def startup_line(rounds: int = 3) -> str:
    """The times in one line, with the ratio of the imports."""
    found = startup_times(rounds)
    one, used = (found[name] / found["import torch"] for name in list(_CALLS)[1:3])
    return (
        f"import rdc_kit {found['import rdc_kit']:.2f} s, {one:.2f} times import torch "
        f"({found['import torch']:.2f} s); with first use {used:.2f} times; "
        f"rdc --help {found['rdc --help']:.2f} s"
    )
