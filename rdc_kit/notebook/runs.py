"""The first cell of every notebook: `start` checks the parameters and gives a run.

A run's manifest says "running" from the first step and "ok" only after the last (see `finishing`).
So a notebook that was killed, timed out or stopped in the middle never looks finished.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..augment.boxes import as_grid
from ..compression import check_room
from ..data import holdout, loading, sources
from ..data.checks import LEAVE_OUT, check_enough
from ..data.imagesets import ImageSet, usual_student
from ..ground import files, store
from ..ground.device import Runtime, choose_runtime
from ..ground.folders import runs_dir
from ..ground.manifests import write_manifest
from ..ground.own import use_told
from ..study.figures import base, saving
from ..study.grid.arms import Arm
from ..study.grid.experiments import Experiment, plan_trials
from ..study.grid.rows import Extra
from ..study.grid.setups import Setup
from ..train import models, protocols
from ..train.arithmetic import quickest
from ..train.evaluation import check_pair
from ..train.protocol import Protocol
from . import errors
from .parameters import PROFILES, Profile, check_parameter, numbers, own_parameters

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass
class Run:
    """A notebook run: its checked parameters, and what it has made so far.

    Attributes:
        source: the notebook's file, which may be absent when it is run by other means.
        params: as given.
        folder: where tables and the manifest go.
        runtime: device and precision.
        student: default network, of the profile and the size.
        dataset, size, ipc, grid, seeds, epochs: parameters with zeros resolved from the profile
            and the source.
        ipcs: all numbers of images per class, smallest first; ipc is the largest.
        profile: the settings that are not parameters of their own.
        mark: of its manifest, see `manifests.write_manifest`.
        experiments, tables, figures: by name, so that `finish` can see what is missing.
    """

    source: Path
    params: dict[str, Any]
    folder: Path
    runtime: Runtime
    dataset: str
    size: int
    student: str
    ipcs: tuple[int, ...]
    grid: int
    seeds: int
    epochs: int
    profile: Profile
    mark: str = ""
    began: float = field(default_factory=time.monotonic)
    experiments: dict[str, Experiment] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    figures: dict[str, Path] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the notebook, such as "00_start_here"."""
        return self.source.stem

    @property
    def ipc(self) -> int:
        """The largest number of images per class."""
        return self.ipcs[-1]

    @cached_property
    def setup(self) -> Setup:
        """Pool, test set (held out where the source has none), teacher, settings, all checked.

        Raises:
            DataError: a test set that does not fit, or a class with fewer images than ipc
                composites need. ValueError: the grid does not fit the images.
        """
        on_bad = self.params.get("on_bad", "error")
        pool, test = holdout.load_with_test(self.dataset, self.size, on_bad)
        pool = pool.with_student(self.student)
        as_grid(self.grid, self.size)
        self._check_enough(pool)
        iterations = self.profile.iterations
        options = {"iterations": iterations} if iterations else {}
        return Setup(
            pool,
            check_pair(pool, test),
            self.runtime,
            self.params.get("teacher") or None,
            self.profile.teacher_epochs,
            self.profile.scoring_epochs,
            options,
            self.params.get("profile", "small"),
            probed=True,
        )

    def _check_enough(self, pool: ImageSet) -> None:
        """Check that every class fills ipc composites; else say which ipc its smallest class fills.

        Raises:
            DataError: see `checks.check_enough`.
        """
        cells = self.grid**2
        most = int(pool.counts().min()) // cells
        fits = f"at most {most}" if most else f"even 1 takes {cells} images"
        lower = f"ipc or grid (with grid {self.grid} {fits})" if cells > 1 else f"ipc ({fits})"
        check_enough(pool, self.ipc * cells, f"{lower}, or {LEAVE_OUT}")

    @property
    def students(self) -> list[str]:
        """The networks of the parameter `students`, each in the form that fits the images."""
        named = self.params.get("students", "").split()
        return list(dict.fromkeys(models.fitting(name, self.size) for name in named))

    def protocol(self, name: str = "hard") -> Protocol:
        """A protocol by its name, with this run's epochs."""
        return protocols.named(name).but(epochs=self.epochs)

    def experiment(
        self,
        name: str,
        arms: Sequence[Arm],
        wanted: Sequence[str | Protocol] = ("hard",),
        ipcs: Sequence[int] = (),
        *,
        students: Sequence[str] = (),
        one_set: bool = False,
        extra: Extra | None = None,
    ) -> Experiment:
        """A grid with this run's setup and seeds; `measure` makes its table.

        Args:
            name: of its table.
            arms: to compare.
            wanted: protocols, or their names.
            ipcs: stored images per class; this run's when empty.
            students: see `plan_trials`.
            one_set: replicates share the set of each arm, if the profile freezes sets; for sets
                that take long to make.
            extra: what else to measure of every network.

        Raises:
            DataError: a class has fewer images than an arm keeps; before anything is trained.
        """
        sizes = list(ipcs or self.ipcs)
        for arm in arms:
            if not arm.pool:
                check_room(arm.method, self.setup.pool, max(sizes), arm.options)
        chosen = [self.protocol(one) if isinstance(one, str) else one for one in wanted]
        trials = plan_trials(
            self.setup,
            arms,
            sizes,
            chosen,
            self.seeds,
            students=students,
            frozen=[layer for layer in self.profile.frozen if one_set or layer != "set"],
        )
        self.experiments[name] = Experiment(self.setup, trials, name, extra)
        return self.experiments[name]

    def measure(self, experiment: Experiment) -> pd.DataFrame:
        """Train or load every trial of an experiment, and keep the table."""
        workers = os.environ.get("RDC_WORKERS", "auto")  # `rdc run --workers` sets it
        planned, began = experiment.plan(workers), time.monotonic()
        if planned.done < planned.runs:
            print(f"{experiment.name}: {planned}", flush=True)
        table = experiment.measure(workers=workers)
        if planned.done < planned.runs:
            print(f"{experiment.name}: {planned.and_took(time.monotonic() - began)}")
        return self.table(experiment.name, table)

    def table(self, name: str, table: pd.DataFrame) -> pd.DataFrame:
        """Keep a table as NAME.csv in the run's folder, and return it."""
        files.write_csv(self.folder / f"{name}.csv", table)
        self.tables[name] = table
        return table

    def figure(self, name: str, figure: Figure, table: pd.DataFrame) -> Figure:
        """Save a figure, its numbers and this run's parameters, with the run and in figures/."""
        facts = {"notebook": self.name, "parameters": self.params, "runtime": str(self.runtime)}
        source, ipcs = files.safe_name(self.dataset), "-".join(map(str, self.ipcs))
        unique = f"{self.name[:2]}_{name}-{source}-{self.size}px-ipc{ipcs}"
        if "dataset" not in self.params:  # it only reads results
            unique = f"{self.name[:2]}_{name}-{files.safe_name(self.params.get('results', 'runs'))}"
        own = self.folder / "figures"  # in figures/, a run of other epochs or seeds may replace it
        self.figures[name] = saving.save_figure(figure, unique, table, facts, own)
        saving.copy_figure(self.figures[name])
        return figure


def start(*, quick: bool = False, **params: Any) -> Run:
    """Check the parameters, choose the device, begin the manifest.

    Args:
        quick: epochs of 0 mean the profile's `quick_epochs`, for a notebook of many trainings.
        params: the notebook's parameters, by name; without any, those of the calling notebook's
            tagged cell, `dataset: str = "digits"` and so on. 0 for size, seeds or epochs means:
            the number of the profile or the source.

    Raises:
        TypeError: an unknown parameter or a value of the wrong type (papermill turns
            `-p flag false` into a string; `rdc run` does not).
        ValueError: a value out of range.
    """
    errors.install()
    use_told()
    params = params or own_parameters(sys._getframe(1).f_globals)
    for key, value in params.items():
        check_parameter(key, value)
    base.use_style()
    run = _run_of(params, quick)
    setting = {"dataset": run.dataset, "size": run.size, "profile": params.get("profile", "small")}
    message = (
        f"{run.name}: {run.dataset} at {run.size} px, {', '.join(map(str, run.ipcs))} image(s) per "
        f"class, {run.epochs} epochs, {run.seeds} seed(s)\n"
    )
    if "dataset" not in params:  # a notebook that only reads results
        setting, message = {}, f"{run.name}: "
    facts = {"parameters": params, "setting": setting, "runtime": str(run.runtime)}
    run.mark = write_manifest(run.folder, "running", name=run.name, **facts)
    errors.install(None if os.environ.get("RDC_RUN_DIR") else run.folder, run.mark)
    versions = store.versions()
    print(
        f"{message}{run.runtime}; torch {versions['torch']}, "
        f"torchvision {versions['torchvision']}; results in {run.folder}"
    )
    return run


def _run_of(params: dict[str, Any], quick: bool) -> Run:
    """The run that checked parameters ask for; what they leave open, profile and source say."""
    source, profile = _notebook_file(), PROFILES[params.get("profile", "small")]
    folder = os.environ.get("RDC_RUN_DIR")
    dataset, runtime = params.get("dataset", "digits"), choose_runtime(params.get("device", "auto"))
    traits, student = sources.traits_of(dataset), ""
    size = params.get("size") or traits.size
    if "dataset" in params:
        usual = traits.paper_size if profile.full_size else loading.usual_size(dataset)
        size = params.get("size") or usual
        student = traits.student or usual_student(size)
        if profile.full_size:
            student = models.fitting(traits.paper_student, size)
        runtime = quickest(runtime, student, size)
    return Run(
        source=source,
        params=params,
        folder=Path(folder) if folder else runs_dir("notebooks") / _name(source, params),
        runtime=runtime,
        dataset=dataset,
        size=size,
        student=student,
        ipcs=numbers(params.get("ipcs", str(params.get("ipc", 1)))),
        grid=params.get("grid", 1),
        seeds=params.get("seeds") or profile.seeds,
        epochs=params.get("epochs") or (profile.quick_epochs if quick else profile.epochs),
        profile=profile,
    )


def _name(source: Path, params: dict[str, Any]) -> str:
    """Of a run's folder: one for a notebook that is open, one per parameters under papermill."""
    headless = any(Path(word).name == "papermill" for word in _parent_words())
    return f"{source.stem}-{store.config_hash(params) if headless else 'live'}"


def _parent_words() -> list[str]:
    """The command of the process that started this kernel; [] where it is not told to us."""
    import psutil  # comes with ipykernel

    try:
        parent = psutil.Process().parent()
        return parent.cmdline() if parent else []
    except psutil.Error:  # it is another user's, or has just ended
        return []


def _notebook_file() -> Path:
    """File of the calling notebook: from `rdc run`, from JupyterLab, or from the parent process.

    The last two may name it from another folder; a kernel works in the folder of its notebook.
    """
    source = os.environ.get("RDC_NOTEBOOK") or os.environ.get("JPY_SESSION_NAME", "")
    if not source:
        words = _parent_words()
        source = next((word for word in words if word.endswith(".ipynb")), "notebook")
    path = Path(source)
    return path if path.is_file() else Path.cwd() / path.name
