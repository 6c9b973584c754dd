"""Hours in a row, bounded: work that is killed and started again, over and over in one home.

`python -m tests.faults.soak [--minutes M] [--out CSV]`. A round is a small grid, or a verb of the
command line, made by one to three processes that die at random moments and are started again until
the work is done. Beside them one process runs grids in a loop and is watched: does it grow? After
each round results must equal the undisturbed ones, and nothing of the dead may be left.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import psutil
import torch

import rdc_kit as rdc
from rdc_kit.ground import files
from rdc_kit.ground.folders import checkout
from rdc_kit.study.grid.arms import Arm
from rdc_kit.study.grid.experiments import Experiment, plan_trials

from .acts import draw, each_epoch, pictures, setup, whole_results

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
MADE = ("train", "scores", "sets", "teachers", "labels", "making", "benchmark")  # below data/runs
TRIALS = 12  # of a small grid
_PATIENCE = 1200.0  # seconds after which work that nobody disturbs is said to hang
_PART = re.compile(r"^\..+-[0-9a-f]{8}-\d+-[0-9a-f]{8}(\.|$)")


class Job(NamedTuple):
    """Some work: what does it (a function of its output, or words of the command line)."""

    name: str
    do: Callable[[Path], None] | tuple[str, ...]
    out: str
    read: Callable[[Path], str]
    together: bool  # several processes may do it at once


@each_epoch()
def small_grid(out: Path) -> None:
    """Twelve trials: drawn, pruned and recovered sets, hard and soft labels, in fp32."""
    named = [rdc.protocols.hard(epochs=3), rdc.protocols.soft(epochs=3)]
    arms = [Arm("random"), Arm("el2n"), Arm("sre2l")]
    table = Experiment(setup(), plan_trials(setup(), arms, 1, named, 2)).measure()
    with files.atomic_path(out) as part:
        table[["arm", "protocol", "seed", "top1", "hits", "set_hash"]].to_csv(part, index=False)


def table_of(out: Path) -> str:
    """The numbers of a benchmark's table, without its times."""
    return pd.read_csv(out)[["arm", "seed", "top1", "hits", "set_hash"]].to_csv()


def images_of(out: Path) -> str:
    """Checksums of a set's tables."""
    return str([files.checksum(path) for path in sorted(out.glob("data/*.parquet"))])


_BENCH = "benchmark --methods el2n --ipc 1 --labels hard --epochs 5 --seeds 2 --workers 2 --out"
JOBS = {
    "grid": Job("grid", small_grid, "grid{}.csv", Path.read_text, True),
    "score": Job("score", ("score", "--epochs", "3", "--out"), "s{}.csv", Path.read_text, True),
    "compress": Job(
        "compress", ("compress", "el2n", "--ipc", "1", "--out"), "set", images_of, False
    ),
    "benchmark": Job("benchmark", tuple(_BENCH.split()), "runs{}.csv", table_of, True),
}


def begin(job: Job, home: Path, place: int, log: Path) -> int:
    """Start a process of a job, in a session of its own; returns its id."""
    out = home / "out" / job.out.format(place)
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.setsid()
        os.environ |= {"RDC_HOME": str(home), "RDC_INTERACTIVE": "0"}
        with log.open("a") as said:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
        if not callable(job.do):
            words = [sys.executable, "-m", "rdc_kit", *job.do, str(out)]
            os.chdir(checkout() or ".")
            os.execv(sys.executable, words)
        job.do(out)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def ended(pid: int, within: float) -> int | None:
    """Exit status of a process that ends within so many seconds; None for one that goes on."""
    until = time.monotonic() + within
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= until:
            return None
        time.sleep(0.02)


def group_ended(pid: int, within: float = 120.0) -> bool:
    """Whether the helpers of a process that is gone have ended, too."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        try:
            os.killpg(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def leftovers(home: Path) -> list[str]:
    """What dead processes have left: halves, old ones, checkpoints, damaged files.

    Not who held a lock last: the next one writes its own name there.
    """
    ends = ("checkpoint.npz", ".damaged", ".old")
    found = (p for p in home.rglob("*") if _PART.match(p.name) or p.name.endswith(ends))
    return [str(path.relative_to(home)) for path in found]


def bytes_below(home: Path) -> int:
    """Bytes of all files of a folder."""
    return sum(path.lstat().st_size for path in home.rglob("*") if not path.is_dir())


def clear(home: Path) -> None:
    """Remove what a round has made, so that the next one makes it again; all else stays."""
    for name in MADE:
        shutil.rmtree(home / "data" / "runs" / name, ignore_errors=True)
    shutil.rmtree(home / "out", ignore_errors=True)
    (home / "out").mkdir(parents=True)


@dataclass
class Soak:
    """One home, what was undisturbed in it, and what has happened since."""

    home: Path
    draws: random.Random
    expected: dict[str, str] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)
    disk: dict[str, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)

    @property
    def log(self) -> Path:
        """What the processes of a round have said."""
        return self.home.with_name("said.txt")

    def undisturbed(self, job: Job) -> None:
        """Do a job twice: the first time fills caches, the second is what others must equal."""
        for _ in range(2):
            clear(self.home)
            began = time.monotonic()
            if ended(begin(job, self.home, 0, self.log), _PATIENCE) != 0:
                raise AssertionError(f"{job.name} fails undisturbed: {self.log.read_text()[-900:]}")
            self.took[job.name] = time.monotonic() - began
        self.expected[job.name] = job.read(self.home / "out" / job.out.format(0))
        self.disk[job.name] = bytes_below(self.home)

    def round(self, job: Job) -> None:
        """Do a job with deaths in between, then look at everything."""
        clear(self.home)
        self.log.write_text("")
        count = self.draws.choice((1, 1, 1, 2, 3)) if job.together else 1
        groups, running = set(), dict.fromkeys(range(count), 0)
        for _ in range(self.draws.choice((0, 1, 1, 2, 3))):
            self._start(job, running, groups)
            self._kill(running, self.draws.uniform(0, 1.2 * self.took[job.name]))
        self._start(job, running, groups)
        codes = [ended(pid, _PATIENCE) for pid in running.values()]
        self.counts["rounds"] += 1
        self.counts["together"] += count > 1
        self.counts["finished"] += count * (TRIALS if job.name == "grid" else 1)
        what = self._wrong(job, codes, groups)
        if what:
            self.lost.append(f"round {self.counts['rounds']}, {job.name}: {what}")

    def _start(self, job: Job, running: dict[int, int], groups: set[int]) -> None:
        for place, pid in running.items():
            if not pid:
                running[place] = begin(job, self.home, place, self.log)
                groups.add(running[place])
                self.counts["processes"] += 1

    def _kill(self, running: dict[int, int], after: float) -> None:
        """Kill one of the processes after some seconds, unless it has ended by then."""
        place = self.draws.choice(list(running))
        code = ended(running[place], after)
        if code is None:
            number = self.draws.choice(SIGNALS)
            os.kill(running[place], number)
            ended(running[place], _PATIENCE)
            self.counts[number.name] += 1
        elif code != 0:
            self.lost.append(f"ended with {code}: {self.log.read_text()[-900:]}")
        running[place] = 0

    def _wrong(self, job: Job, codes: list[int | None], groups: set[int]) -> str:
        """What a round has left that is not as if nothing had happened; "" for nothing."""
        outs = [self.home / "out" / job.out.format(place) for place in range(len(codes))]
        fine = (0, 2) if job.name == "compress" and outs[0].exists() else (0,)
        if any(code not in fine for code in codes):
            return f"ended with {codes}: {self.log.read_text()[-900:]}"
        if not all(group_ended(pid) for pid in groups):
            return "a helper outlives its grid"
        if any(job.read(out) != self.expected[job.name] for out in outs):
            return "other numbers than undisturbed"
        whole_results(self.home)
        left = leftovers(self.home)
        self.counts["leftovers"] += len(left)
        return f"left: {', '.join(left[:5])}" if left else ""


def long_life(home: Path, said: Path) -> None:
    """One process that makes grids, figures and decoded images until it is killed."""
    for done in range(1, sys.maxsize):
        clear(home)
        small_grid(home / "out" / "grid.csv")
        draw(home, done % 2)
        pictures(home)
        rdc.load(f"folder:{home / 'pictures'}", size=16)
        files.write_json(said, {"grids": done, "table": (home / "out" / "grid.csv").read_text()})


class Watched:
    """The process with the long life: its memory and open handles."""

    def __init__(self, folder: Path) -> None:
        self.home, self.said = folder / "long", folder / "long.json"
        job = Job("long", lambda _: long_life(self.home, self.said), "", Path.read_text, False)
        self.process = psutil.Process(begin(job, self.home, 0, folder / "long.txt"))
        self.samples: list[tuple[float, float, int]] = []

    def look(self, expected: str, soak: Soak) -> None:
        """Take a sample once it has done its first grids, and compare its last table."""
        facts = json.loads(self.said.read_text()) if self.said.exists() else {"grids": 0}
        if not self.process.is_running() or self.process.status() == psutil.STATUS_ZOMBIE:
            soak.lost.append("the long-lived process has ended")
        elif facts["grids"] > 3:
            memory, handles = self.process.memory_info().rss / 1e6, self.process.num_fds()
            self.samples.append((time.monotonic(), memory, handles))
            if facts["table"] != expected:
                soak.lost.append("the long-lived process: other numbers than undisturbed")
        soak.counts["long_grids"] = facts["grids"]

    def facts(self) -> dict[str, Any]:
        """Memory in MB at the first and the last sample, its slope over the later half, handles."""
        if not self.samples:
            return {}
        moments, memory, handles = (np.asarray(v) for v in zip(*self.samples, strict=True))
        half = slice(len(moments) // 2, None)
        enough = len(moments) > 3
        slope = np.polyfit(moments[half], memory[half], 1)[0] * 3600 if enough else float("nan")
        return {
            "rss_first_mb": round(memory[0], 1),
            "rss_last_mb": round(memory[-1], 1),
            "rss_mb_per_hour": round(float(slope), 1),
            "handles_first": handles[0],
            "handles_last": handles[-1],
        }


def row_of(soak: Soak, watched: Watched, began: float) -> dict[str, Any]:
    """A line of the table: everything up to now."""
    counts, disk = soak.counts, bytes_below(soak.home)
    named = ("rounds", "together", "processes", *(s.name for s in SIGNALS), "finished")
    return {
        "minutes": round((time.monotonic() - began) / 60, 1),
        **{name: counts[name] for name in named},
        "lost": len(soak.lost),
        "leftovers": counts["leftovers"],
        "disk_first_mb": round(max(soak.disk.values()) / 1e6, 2),
        "disk_mb": round(disk / 1e6, 2),
        "long_grids": counts["long_grids"],
        **watched.facts(),
        "first": soak.lost[0] if soak.lost else "",
    }


def soak(minutes: float, seed: int, names: list[str], folder: Path, out: Path | None) -> int:
    """Rounds until the time is up; a line of the table every five minutes. 1 for a loss."""
    whole = Soak(folder / "home", random.Random(seed))
    for name in names:
        whole.undisturbed(JOBS[name])
    watched, began, rows = Watched(folder), time.monotonic(), []
    try:
        while time.monotonic() - began < 60 * minutes or not rows:
            often = whole.draws.random() < 0.8 or len(names) == 1
            whole.round(JOBS[names[0] if often else whole.draws.choice(names[1:])])
            watched.look(whole.expected["grid"], whole)
            passed = (time.monotonic() - began) / 60
            if passed >= min(5 * (len(rows) + 1), minutes):
                rows.append(row_of(whole, watched, began))
                print(*(f"{k} {v}" for k, v in rows[-1].items()), sep=", ", flush=True)
                if out:
                    with files.atomic_path(out) as part:
                        pd.DataFrame(rows).to_csv(part, index=False)
    finally:
        watched.process.kill()
        watched.process.wait()
    for line in whole.lost:
        print(line)
    grown = rows[-1]["disk_mb"] > 1.05 * rows[-1]["disk_first_mb"] + 1
    print(f"soak: {whole.counts['rounds']} rounds, {len(whole.lost)} lost" + ", grown" * grown)
    return int(bool(whole.lost) or grown)


def main() -> int:
    """Read the options, soak in a temporary folder."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0, help="of the moments and signals")
    parser.add_argument("--jobs", nargs="+", default=list(JOBS), choices=JOBS, help="grid first")
    parser.add_argument("--out", type=Path, help="write the table here, as csv")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        return soak(options.minutes, options.seed, options.jobs, Path(folder), options.out)


if __name__ == "__main__":
    raise SystemExit(main())
