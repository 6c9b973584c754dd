"""First and last cell of every notebook: `start` checks and announces, `finish` tells the truth.

A run's manifest says "running" from its first act and "ok" only as its last, so a notebook that
was killed, timed out or stopped half-way can never look finished.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from .augment.boxes import as_grid
from .data import loading as decoding
from .data import sources
from .data.imagesets import ImageSet
from .ground import store
from .ground.runtime import Runtime, choose_runtime, data_dir
from .prune.selection import check_enough
from .study.figures import base as figures
from .study.grid.experiments import Bench
from .study.verdicts import tables as results
from .train import models
from .train.evaluation import check_pair


class Incomplete(RuntimeError):
    """The notebook ended without doing its work; the message says what is missing."""


@dataclass(frozen=True)
class Profile:
    """How much to run: the one big switch.

    Attributes:
        epochs: of every training on a stored set.
        score_epochs: of the scoring run on the pool.
        seeds: per line of a comparison.
        teacher_epochs: of the training of a teacher on the pool.
        iterations: of every recovered image; 0 is the method's own number.
        one_set: all seeds train on one set of each kind, instead of a set of their own.
        full_size: take the source's size in the paper instead of its small default.
    """

    epochs: int
    score_epochs: int
    seeds: int
    teacher_epochs: int
    iterations: int
    one_set: bool = False
    full_size: bool = False


PROFILES = {
    "smoke": Profile(3, 2, 2, teacher_epochs=12, iterations=3, one_set=True),
    "small": Profile(150, 10, 3, teacher_epochs=30, iterations=200, one_set=True),
    "paper": Profile(300, 10, 3, teacher_epochs=30, iterations=0, full_size=True),
}


def numbers(text: str) -> tuple[int, ...]:
    """Whole numbers of at least 1 from text such as "1 10", in order.

    Raises:
        ValueError: something else stands there, or nothing.
    """
    words = text.replace(",", " ").split()
    if not words or not all(word.isdigit() and int(word) for word in words):
        raise ValueError(f"expected whole numbers such as '1 10', got {text!r}")
    return tuple(sorted({int(word) for word in words}))


def _networks(text: str) -> None:
    for name in text.split():
        models.check_name(name)


def _at_least(least: int) -> Callable[[Any], str]:
    return lambda value: "" if value >= least else f"must be at least {least}"


def _one_of(*allowed: str) -> Callable[[Any], str]:
    return lambda value: "" if value in allowed else f"must be one of {', '.join(allowed)}"


def _accepted_by(check: Callable[[Any], Any]) -> Callable[[Any], str]:
    def problem(value: Any) -> str:
        try:
            check(value)
        except ValueError as error:
            return f"is not usable: {error}"
        return ""

    return problem


# Every parameter that a notebook may have: its type, and what is wrong with a value ("": nothing).
PARAMETERS: dict[str, tuple[type, Callable[[Any], str]]] = {
    "dataset": (str, _accepted_by(sources.check_name)),
    "size": (int, _at_least(0)),
    "ipc": (int, _at_least(1)),
    "ipcs": (str, _accepted_by(numbers)),
    "teacher": (str, _accepted_by(lambda name: models.with_batch_norm(name) if name else None)),
    "grid": (int, _at_least(1)),
    "students": (str, _accepted_by(_networks)),
    "results": (str, _one_of(*results.WHERE)),
    "seeds": (int, _at_least(0)),
    "epochs": (int, _at_least(0)),
    "profile": (str, _one_of(*PROFILES)),
    "device": (str, _accepted_by(choose_runtime)),
}


@dataclass
class Run:
    """A notebook run: its checked parameters, and what it has shown so far.

    Attributes:
        name: of the notebook.
        params: as given.
        folder: where tables and the manifest go.
        runtime: device and precision.
        dataset, size, ipc, grid, seeds, epochs: parameters with zeros resolved from the profile
            and the source.
        ipcs: all that are compared, smallest first; ipc is the largest.
        teacher: network, "" for the source's student with batch norm.
        profile: for what is not a parameter of its own.
    """

    name: str
    params: dict[str, Any]
    folder: Path
    runtime: Runtime
    dataset: str
    size: int
    ipc: int
    grid: int
    seeds: int
    epochs: int
    ipcs: tuple[int, ...]
    teacher: str
    profile: Profile
    began: float = field(default_factory=time.monotonic)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    figures: dict[str, Path] = field(default_factory=dict)

    def load(self) -> tuple[ImageSet, ImageSet]:
        """The pool and the test set, after checking that the study can end with them.

        Raises:
            DataError: no or another test set, or a class with fewer images than ipc composites
                need. ValueError: the grid does not fit the images.
        """
        pool, test = decoding.load(self.dataset, self.size)
        as_grid(self.grid, self.size)
        check_enough(pool, self.ipc * self.grid**2)
        return pool, check_pair(pool, test)

    def bench(self) -> Bench:
        """The ground of a grid: pool, test set, teacher and the profile's settings."""
        pool, test = self.load()
        options: dict[str, Any] = {"grid": self.grid}
        if self.profile.iterations:
            options["iterations"] = self.profile.iterations
        teacher, epochs = self.teacher or None, self.profile.teacher_epochs
        return Bench(pool, test, self.runtime, teacher, epochs, options)

    def table(self, name: str, table: pd.DataFrame) -> pd.DataFrame:
        """Keep a table as NAME.csv in the run's folder, and give it back."""
        with store.atomic_path(self.folder / f"{name}.csv") as part:
            table.to_csv(part, index=False)
        self.tables[name] = table
        return table

    def figure(self, name: str, figure: Figure, table: pd.DataFrame) -> Figure:
        """Save a figure with its numbers and this run's parameters, and give it back."""
        facts = {"notebook": self.name, "parameters": self.params, "runtime": str(self.runtime)}
        source = store.safe_name(self.dataset)
        ipcs = "-".join(map(str, self.ipcs))
        unique = f"{self.name[:2]}_{name}-{source}-{self.size}px-ipc{ipcs}"
        self.figures[name] = figures.save_figure(figure, unique, table, facts)
        return figure


def start(name: str, **params: Any) -> Run:
    """Check the parameters, choose the device, open the manifest.

    Args:
        name: of the notebook, such as "00_start_here".
        params: the notebook's parameters, by name. 0 for size, seeds or epochs means: as the
            profile and the source say.

    Raises:
        TypeError: an unknown parameter or a value of the wrong type (papermill turns
            `-p smoke false` into a string; `python -m rdc_kit run` does not).
        ValueError: a value out of range.
    """
    for key, value in params.items():
        check_parameter(key, value)
    figures.use_style()
    dataset = params.get("dataset", "digits")
    profile = PROFILES[params.get("profile", "small")]
    traits = sources.traits_of(dataset)
    folder = os.environ.get("RDC_RUN_DIR")
    ipcs = numbers(params.get("ipcs", str(params.get("ipc", 1))))
    run = Run(
        name=name,
        params=params,
        folder=Path(folder) if folder else data_dir() / "runs" / "notebooks" / f"{name}-live",
        runtime=choose_runtime(params.get("device", "auto")),
        dataset=dataset,
        size=params.get("size") or (traits.paper_size if profile.full_size else traits.size),
        ipc=ipcs[-1],
        grid=params.get("grid", 1),
        seeds=params.get("seeds") or profile.seeds,
        epochs=params.get("epochs") or profile.epochs,
        ipcs=ipcs,
        teacher=params.get("teacher", ""),
        profile=profile,
    )
    setting = {"dataset": run.dataset, "size": run.size, "profile": params.get("profile", "small")}
    told = (
        f"{name}: {run.dataset} at {run.size} px, {', '.join(map(str, ipcs))} image(s) per class, "
        f"{run.epochs} epochs, {run.seeds} seed(s)\n"
    )
    if "dataset" not in params:  # a notebook that only reads results
        setting, told = {}, f"{name}: "
    facts = {"parameters": params, "setting": setting, "runtime": str(run.runtime)}
    write_manifest(run.folder, "running", name=name, **facts)
    versions = store.versions()
    print(
        f"{told}{run.runtime}; torch {versions['torch']}, torchvision {versions['torchvision']}; "
        f"results in {run.folder}"
    )
    return run


def check_parameter(key: str, value: Any) -> None:
    """Check the type and the value of one parameter.

    Raises:
        TypeError: unknown name or wrong type. ValueError: a value out of range.
    """
    if key not in PARAMETERS:
        raise TypeError(f"unknown parameter {key!r}: this kit knows {', '.join(PARAMETERS)}")
    kind, problem = PARAMETERS[key]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"parameter {key} must be {kind.__name__}, got {value!r}")
    if wrong := problem(value):
        raise ValueError(f"parameter {key}={value!r} {wrong}")


def finish(run: Run, expect: dict[str, Any]) -> None:
    """Check that the work was done, then mark the run "ok".

    Args:
        run: from `start`.
        expect: what there must be: "rows" {table name: number of rows}, "figures" [names],
            "steps" the least sum of optimiser steps behind the tables.

    Raises:
        Incomplete: something is missing; the manifest says "failed".
    """
    missing = [
        f"table {name!r} has {len(run.tables.get(name, ()))} rows instead of {rows}"
        for name, rows in expect.get("rows", {}).items()
        if len(run.tables.get(name, ())) != rows
    ]
    missing += [
        f"figure {name!r} was not saved"
        for name in expect.get("figures", ())
        if not (path := run.figures.get(name)) or not path.is_file() or not path.stat().st_size
    ]
    steps = sum(int(t["steps"].sum()) for t in run.tables.values() if "steps" in t)
    if steps < expect.get("steps", 0):
        missing.append(f"{steps} optimiser steps stand behind the tables, not {expect['steps']}")
    seconds = round(time.monotonic() - run.began, 1)
    if missing:
        write_manifest(run.folder, "failed", error="; ".join(missing), seconds=seconds)
        raise Incomplete(f"{run.name} is not complete: {'; '.join(missing)}")
    work = {"rows": {n: len(t) for n, t in run.tables.items()}, "steps": steps}
    shown = {name: str(path) for name, path in run.figures.items()}
    write_manifest(run.folder, "ok", seconds=seconds, work=work, figures=shown)
    print(f"{run.name}: ok, {steps:,} optimiser steps behind it, {seconds:.0f} s in this run")


def write_manifest(folder: Path, status: str, **facts: Any) -> None:
    """Set a run's status; "running" begins a new manifest, the others complete it."""
    path = folder / "manifest.json"
    begun = {} if status == "running" else store.read_json(path) or {}
    if status == "running":
        begun = {"started": store.now(), "pid": os.getpid(), "git": store.git_state()}
        begun |= {"versions": store.versions()}
    else:
        begun["ended"] = store.now()
    store.write_json(path, {**begun, **facts, "status": status})
