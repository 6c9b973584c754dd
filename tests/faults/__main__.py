"""`python -m tests.faults [--every N] [--act NAME ...] [--out CSV]`: the table of all faults."""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import os
import resource
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from .acts import ACTS, UNSAFE
from .harness import KINDS, Bench, campaign
from .notebook_runs import disturbed_runs

_MEMORY = Path("/dev/shm")  # files in memory: no power is cut here, so nothing needs a real disk
_ROOM = 10**9
_BY_NAME = {act.name: act for act in [*ACTS, UNSAFE]}
_FIRST = "grid"  # it takes longest


@functools.cache
def bench_of(name: str, folder: Path) -> Bench:
    """The bench of an act in this process."""
    return Bench(_BY_NAME[name], folder / str(os.getpid()))


def tried(name: str, kind: str, folder: Path, every: int) -> list[dict[str, Any]]:
    """Rows of the table of one act and one kind of fault; those of the notebook for no kind."""
    torch.set_num_threads(1)
    if not kind:
        return [disturbed_runs(folder / name, every)]
    return list(campaign(bench_of(name, folder), (kind,), every))


def place() -> str | None:
    """Where the acts write: in memory where there is some, else in the usual folder."""
    roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM
    return str(_MEMORY) if roomy and os.access(_MEMORY, os.W_OK) else None


def processor_seconds() -> float:
    """Seconds of a core, user and system, of this process and of all that have ended below it."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> int:
    """Try everything, print the table; 1 if anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="only each so many operations")
    parser.add_argument("--act", nargs="+", default=[], choices=_BY_NAME, help="only these")
    parser.add_argument("--kills", type=int, default=0, help="moments to kill a notebook run at")
    parser.add_argument("--workers", type=int, default=2, help="processes that share the acts")
    parser.add_argument("--out", type=Path, help="write the table here, as csv")
    options = parser.parse_args()
    began = time.monotonic()
    names = options.act or [act.name for act in ACTS]
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(dir=place()) as folder:
        work = [(n, kind, Path(folder), options.every) for n in names for kind in KINDS]
        work.sort(key=lambda one: one[0] != _FIRST)
        if options.kills:
            work.insert(0, ("notebook run", "", Path(folder), options.kills))
        with multiprocessing.get_context("fork").Pool(options.workers) as pool:
            asked = [pool.apply_async(tried, one) for one in work]
            pool.close()
            for answer in asked:
                for row in answer.get():
                    found.append(row)
                    told = f"{row['tried']:4} tried, {row['lost']} lost"
                    print(f"{row['act']:16} {row['fault']:28} {told}  {row['first']}", flush=True)
            pool.join()
    order = [*names, "notebook run"]
    table = pd.DataFrame(sorted(found, key=lambda row: order.index(row["act"])))
    took = f"{processor_seconds():.0f} s of a core, {time.monotonic() - began:.0f} s in all"
    print(f"faults: {table['tried'].sum()} tried, {table['lost'].sum()} lost; {took}")
    if options.out:
        table.to_csv(options.out, index=False)
    return int(table["lost"].sum() > 0)


if __name__ == "__main__":
    raise SystemExit(main())
