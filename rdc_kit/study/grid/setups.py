"""Setups and trials: what all lines of a grid share, and what one of them tries."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from ...compression import check_options, idle_ways, make_set, settled
from ...data.imagesets import ImageSet
from ...distill.recipes import edition
from ...ground import locks, store
from ...ground.device import Runtime, choose_runtime
from ...ground.files import checksum
from ...ground.folders import runs_dir
from ...ground.names import check_known
from ...ground.own import is_own, own_code
from ...methods import KITS, method_named
from ...prune.metrics import METRICS, score_code
from ...prune.recorders import Scores
from ...prune.scores import dynamics, score
from ...train import models, protocols
from ...train.arithmetic import quickest
from ...train.evaluation import check_pair
from ...train.protocol import Protocol
from ...train.teachers import Teacher, is_trained, key_of, squeeze
from .arms import Arm


class Seeds(NamedTuple):
    """The four things that chance has a hand in, a seed each."""

    scoring: int = 0
    teacher: int = 0
    set: int = 0
    training: int = 0


ALL_0 = Seeds()
LAYERS = ("scoring", "teacher", "set")  # that replicates may share; the training never is


def check_layers(frozen: Collection[str]) -> None:
    """Reject what is no layer that replicates may share.

    Raises:
        ValueError: the message names the near match.
    """
    for layer in frozen:
        check_known("layer", layer, LAYERS)


def _found(text: str, make: Callable[..., Any]) -> Path:
    """A file that a method names: one that is not in the working folder, beside the method's own.

    So Python finds the modules that it imports, too.
    """
    path, own = Path(text), getattr(make, "__globals__", {}).get("__file__")
    beside = Path(own).parent / path if own else path
    return beside if not path.exists() and beside.exists() else path


def _content(path: Path) -> int:
    """Checksum of a file that a method reads."""
    try:
        facts = path.stat()
    except OSError as error:
        place = "there" if path.is_absolute() else f"in {Path.cwd()}, so name its whole path"
        raise ValueError(
            f"{path}, which a method reads, is not {place}: {error.strerror}"
        ) from error
    return _checksum(path, facts.st_mtime_ns, facts.st_size)


@lru_cache  # a grid asks for every trial
def _checksum(path: Path, changed: int, size: int) -> int:
    return checksum(path)


@dataclass(frozen=True)
class Trial:
    """One line of a grid, before it is made.

    Attributes:
        arm, ipc, protocol, student: what is tried; ipc is what the arm may store.
        seed: of the replicate; trials of one seed are paired.
        seeds: what the replicate seeds; a layer that replicates share has one seed in all.
    """

    arm: Arm
    ipc: int
    protocol: Protocol
    student: str
    seed: int
    seeds: Seeds

    @property
    def taught(self) -> bool:
        """Whether a teacher is needed, for labels or for making the set."""
        return self.protocol.labels != "hard" or "teacher" in method_named(self.arm.method).options


@dataclass
class Setup:
    """What all trials of a grid share.

    Attributes:
        pool, test: from `load`.
        runtime: device and precision; of scores, sets, teachers and the source's student.
        teacher: network that answers under soft labels, and that the distillation methods use,
            with batch norm whether its name says so or not; the source's student when left out.
        teacher_epochs: of its training.
        scoring_epochs: of the scoring run, by metric; a metric's own number when left out.
        options: passed to every method that has them, such as iterations=100. What an arm is known
            by, such as PCA's grid, belongs to the arm.
        profile: of the notebook, "" elsewhere; only a column of the table.
        probed: networks other than the source's student have the precision and the layout that a
            timed probe finds best, see `train.arithmetic`; else all have the runtime's.

    Raises:
        ValueError: a teacher that is unknown, or has layer norm. DataError: see `check_pair`.
    """

    pool: ImageSet
    test: ImageSet
    runtime: Runtime = field(default_factory=choose_runtime)
    teacher: str | None = None
    teacher_epochs: int = 30
    scoring_epochs: Mapping[str, int] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    profile: str = ""
    probed: bool = False

    def __post_init__(self) -> None:
        self.test = check_pair(self.pool, self.test)
        if self.teacher:
            self.teacher = models.with_batch_norm(self.teacher)
        self._made: dict[str, ImageSet] = {}  # the last set only
        self._teachers: dict[tuple[int, int], Teacher] = {}

    def runtime_of(self, student: str) -> Runtime:
        """Device, precision and layout for the training of one network."""
        if not self.probed or student == self.pool.student:
            return self.runtime
        return quickest(choose_runtime(str(self.runtime.device)), student, self.pool.size)

    @cached_property
    def keys(self) -> tuple[str, str]:
        """Fingerprints of pool and test set, read once."""
        return self.pool.fingerprint(), self.test.fingerprint()

    def settings(self, arm: Arm, seeds: Seeds = ALL_0) -> dict[str, Any]:
        """Every option of an arm's method: the method's defaults, the setup's, the arm's own.

        Without those that say how scores or a teacher are made, where an arm brings its own.
        """
        method = method_named(arm.method)
        known = method.options
        metric = (method.fixed | known | arm.options).get("metric")
        shared = {
            **self.options,
            "teacher": self.teacher,
            "teacher_epochs": self.teacher_epochs,
            "scoring_seed": seeds.scoring,
            "teacher_seed": seeds.teacher,
        }
        if metric in METRICS:  # a method of one's own may have epochs and no metric
            usual = self.options.get("epochs", METRICS[metric].epochs)
            shared["epochs"] = self.scoring_epochs.get(metric, usual)
        mine = known | {k: v for k, v in shared.items() if k in known} | arm.options
        idle = idle_ways(arm.method, mine) - arm.options.keys()
        return settled(arm.method, {k: v for k, v in mine.items() if k not in idle})

    def make(self, arm: Arm | str, ipc: int, seeds: Seeds = ALL_0) -> ImageSet:
        """The set of an arm; `ipc` images per class."""
        arm = Arm(arm) if isinstance(arm, str) else arm
        settings = self.settings(arm, seeds)
        check_options(arm.method, settings)
        return make_set(arm.method, self.pool, ipc, seeds.set, self.runtime, settings)

    def score(self, metric: str = "el2n", seed: int = 0) -> Scores:
        """A metric of the pool, with this setup's epochs; higher = harder."""
        return score(self.pool, metric, self.scoring_epochs.get(metric), seed, self.runtime)

    def scores(self, seed: int = 0) -> dict[str, Scores]:
        """Every metric of the pool, read from one training run."""
        usual = {name: metric.epochs for name, metric in METRICS.items()}
        epochs = usual | dict(self.scoring_epochs)
        full, window = epochs["forgetting"], epochs["el2n"]
        return dynamics(self.pool, full, window, seed, runtime=self.runtime)

    def set_key(self, trial: Trial) -> str:
        """Name of a trial's set, known before the set is made: all that goes into it."""
        settings = self.settings(trial.arm, trial.seeds)
        method = method_named(trial.arm.method)
        code = own_code(method.make)
        made = [trial.arm.method, code, trial.ipc, trial.seeds.set, settings, self.keys[0]]
        changed = edition(trial.arm.method, self.pool.size, self.runtime.device.type)
        made += [f"edition {changed}"] * (changed > 1)
        made += self._own_parts(trial.arm)
        return store.config_hash([*made, self.runtime.precision, self.runtime.device.type])

    def _own_parts(self, arm: Arm) -> list[Any]:
        """What a set depends on that is a user's own, besides the method's code; [] for the kit's.

        A line of the registry, a score, a file that is read, a network that scores or teaches.
        """
        method, settings = method_named(arm.method), self.settings(arm)
        parts: list[Any] = [_content(_found(path, method.make)) for path in method.files]
        if method is not KITS.get(arm.method):
            parts += [repr(sorted(method.fixed.items()))] * bool(method.fixed)
        parts += score_code((method.fixed | settings).get("metric", ""))
        for network in (self.pool.student, self.teacher, settings.get("teacher")):
            parts += models.network_code(network).values() if isinstance(network, str) else []
        return parts

    def code_of(self, trial: Trial) -> str:
        """Hash of a user's own code in a trial: of set, network and protocol; "" for the kit's.

        Other than keys on disk it says of a row, later, whether what is here now would make it.
        """
        parts: list[Any] = [own_code(method_named(trial.arm.method).make)]
        parts += self._own_parts(trial.arm)
        parts += models.network_code(trial.student).values()
        made = protocols.NAMED.get(trial.protocol.name)
        parts += [trial.protocol.as_dict()] if made and is_own(made) else []
        return store.config_hash(parts) if any(parts) else ""

    def set_of(self, trial: Trial, wait: bool = True) -> ImageSet:
        """A trial's set, made anew; the last one is remembered.

        Raises:
            Locked: another process is making it, and `wait` is False.
        """
        key = self.set_key(trial)
        if key not in self._made:
            slow = method_named(trial.arm.method).family.startswith("distillation")
            home = runs_dir("making") / key
            with locks.lock(home, f"a set of {trial.arm.key}", wait) if slow else nullcontext():
                self._made = {key: self.make(trial.arm, trial.ipc, trial.seeds)}
        return self._made[key]

    def networks(self, count: int = 1) -> tuple[str, ...]:
        """Names of the teacher and, for an ensemble, of its relatives."""
        return models.ensemble(self.teacher or self.pool.student, count)

    def teacher_of(self, count: int = 1, seed: int = 0) -> Teacher:
        """The teacher of soft labels, trained or fetched, its accuracy on the test set known.

        Raises:
            DataError: it is not far enough above chance, on the pool or on the test set.
        """
        if (count, seed) not in self._teachers:
            made = squeeze(self.pool, self.networks(count), self.teacher_epochs, seed, self.runtime)
            self._teachers[count, seed] = made.tested_on(self.test, self.runtime)
        return self._teachers[count, seed]

    def teacher_key(self, count: int = 1, seed: int = 0) -> str:
        """Key of the teacher, trained or not."""
        known = (self.teacher_epochs, seed, self.runtime)
        return " ".join(key_of(self.keys[0], name, *known) for name in self.networks(count))

    def has_teacher(self, count: int = 1, seed: int = 0) -> bool:
        """Whether the teacher is trained."""
        return all(is_trained(key) for key in self.teacher_key(count, seed).split())

    def whole_pool(self, student: str) -> float:
        """Top-1 of a network trained on the whole pool with hard labels, percent.

        torchvision's published weights, where they are the teacher's and of this network.
        """
        if self.teacher == models.PUBLISHED + student:
            return self.teacher_of().test_top1 or 0.0
        trained = squeeze(self.pool, student, self.teacher_epochs, runtime=self.runtime)
        return trained.accuracy_on(self.test, self.runtime)
