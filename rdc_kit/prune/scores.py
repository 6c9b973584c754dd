"""Scoring a pool: one training run gives EL2N, Forgetting and AUM; cached on disk.

A run that came with the kit as a score file counts as finished, see `committed`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..data.checks import check_count
from ..data.imagesets import DataError, ImageSet
from ..ground import store
from ..ground.arrays import save_arrays
from ..ground.device import Runtime, choose_runtime, give_back, machine_name
from ..ground.folders import runs_dir
from ..ground.kinds import check_object
from ..ground.names import check_known
from ..ground.own import ADDED
from ..ground.seeds import as_seed, as_seeds
from ..train import models, protocols
from ..train.accuracy import predict
from ..train.protocol import Protocol
from ..train.training import Fitted, fit
from .committed import committed, is_committed
from .finished import SCORES, run_in
from .metrics import EL2N_EPOCHS, FULL_EPOCHS, METRICS, Metric, score_code
from .recorders import Forgetting, Scores, error_norm
from .scorefiles import Run

_MARGINS = {"aum", "aum_prob"}


def dynamics(
    pool: ImageSet,
    epochs: int = FULL_EPOCHS,
    el2n_epochs: int = EL2N_EPOCHS,
    seed: int = 0,
    student: str | None = None,
    runtime: Runtime | None = None,
    *,
    wanted: Collection[str] = METRICS,
) -> dict[str, Scores]:
    """Every score that one training run on the pool gives, without any further forward pass.

    Scores are read from the training-time outputs (augmented views, train mode).

    Args:
        pool: the full training set.
        epochs: length of the run.
        el2n_epochs: EL2N is the mean over this number of first epochs.
        seed: root of the seed tree.
        student: network; the source's student by default.
        runtime: device and precision.
        wanted: metrics that must be among them; a user's own are recorded where they are named.

    Returns:
        Every metric of METRICS: "el2n", "aum" (margins of logits), "aum_prob" (of probabilities),
        "forgetting".

    Raises:
        DataError: a number of epochs that is no whole number of at least 1, or a single class.
    """
    el2n_epochs = check_count("el2n_epochs", el2n_epochs)
    how = (epochs, el2n_epochs, seed, student, runtime or choose_runtime())
    run = scoring_run(pool, *how, wanted=wanted)
    return {name: _scores_of(pool, run, name) for name in run.values if name != "never_learned"}


def _scores_of(pool: ImageSet, run: Run, name: str) -> Scores:
    """One score of a run; rows that were never learned are known of the kit's own Forgetting."""
    never_learned = run.values.get("never_learned") if name == "forgetting" else None
    return Scores.of(pool, name, run.values[name], never_learned, str(run))


def scoring_run(
    pool: ImageSet,
    epochs: int,
    el2n_epochs: int,
    seed: int,
    student: str | None,
    runtime: Runtime,
    wanted: Collection[str],
) -> Run:
    """The training run behind `dynamics`, which has the arguments.

    Args:
        wanted: the metrics that are needed; a committed run may lack others.

    Raises:
        DataError: a margin is wanted, and there is one class, which has none to another.
    """
    seed = as_seed(seed)
    protocol = protocols.scoring(epochs=epochs)
    metrics = _recorded(wanted)
    config = _dynamics(pool, protocol, el2n_epochs, seed, student, runtime, metrics)
    margins = sorted(_MARGINS.intersection(wanted))
    if margins and pool.num_classes < 2:
        raise DataError(f"{' and '.join(margins)} compare classes, and {pool} has a single one")

    def make(home: Path) -> dict[str, Any]:
        recorders = {name: m.recorder(len(pool), el2n_epochs) for name, m in metrics.items()}
        checkpoint = home / "checkpoint.npz"
        fitted = fit(pool, protocol, student, seed, runtime, list(recorders.values()), checkpoint)
        arrays = {name: r.compute() for name, r in recorders.items()}
        recorder = recorders.get("forgetting")  # none where a user's own has taken its place
        if isinstance(recorder, Forgetting):
            arrays["never_learned"] = recorder.never_learned()
        return _keep(home, arrays, fitted, runtime)

    return _cached(config, make, wanted)


def el2n(
    pool: ImageSet,
    epochs: int = EL2N_EPOCHS,
    mode: str = "dynamics",
    seeds: int | Sequence[int] = 1,
    student: str | None = None,
    runtime: Runtime | None = None,
) -> Scores:
    """EL2N of a pool, mean over seeds.

    Args:
        pool: the full training set.
        epochs: length of the run, and of the mean in "dynamics".
        mode: "dynamics", the mean over the epochs of training-time outputs (arXiv 2210.15809's
            code); or "snapshot", one evaluation pass after the last epoch (arXiv 2107.07075,
            which averages at least ten seeds).
        seeds: the number of seeds (0, 1, ...), or the seeds themselves; one run each.
        student, runtime: as in `dynamics`.

    Raises:
        ValueError: unknown mode, or no seeds or one of them twice.
    """
    if mode not in ("dynamics", "snapshot"):
        raise ValueError(f"mode must be 'dynamics' or 'snapshot', got {mode!r}")
    asked, runtime = as_seeds(seeds), runtime or choose_runtime()
    if mode == "dynamics":
        runs = [scoring_run(pool, epochs, epochs, s, student, runtime, ["el2n"]) for s in asked]
    else:
        runs = [_snapshot(pool, epochs, s, student, runtime) for s in asked]
    values = [run.values["el2n"] for run in runs]
    source = "; ".join(map(str, runs))
    return Scores.of(pool, "el2n", torch.stack(values).mean(0), source=source)


def forgetting(pool: ImageSet, epochs: int = FULL_EPOCHS, seed: int = 0, **options: Any) -> Scores:
    """Forgetting events over a whole training run; see `dynamics` for the options."""
    return dynamics(pool, epochs, seed=seed, wanted=["forgetting"], **options)["forgetting"]


def aum(pool: ImageSet, epochs: int = FULL_EPOCHS, seed: int = 0, **options: Any) -> Scores:
    """Area under the margin, negated so that higher = harder; see `dynamics` for the options."""
    return dynamics(pool, epochs, seed=seed, wanted=["aum"], **options)["aum"]


def score(
    pool: ImageSet,
    metric: str = "el2n",
    epochs: int | None = None,
    seed: int = 0,
    runtime: Runtime | None = None,
) -> Scores:
    """Score a pool by one metric.

    Args:
        pool: the full training set.
        metric: one of METRICS.
        epochs: of the scoring run; the metric's own number by default.
        seed: of the scoring run.
        runtime: device and precision.

    Raises:
        ValueError: an unknown metric; the message names the nearest match.
    """
    check_known("pruning metric", metric, METRICS, ADDED)
    epochs = METRICS[metric].epochs if epochs is None else epochs
    how = (epochs, _window(metric, epochs), seed, None, runtime or choose_runtime())
    return _scores_of(pool, scoring_run(pool, *how, wanted=[metric]), metric)


def _snapshot(pool: ImageSet, epochs: int, seed: int, student: str | None, runtime: Runtime) -> Run:
    protocol = protocols.scoring(epochs=epochs)
    config = _config("snapshot", pool, protocol, student, runtime) | {"seed": seed}

    def make(home: Path) -> dict[str, Any]:
        fitted = fit(pool, protocol, student, seed, runtime, checkpoint=home / "checkpoint.npz")
        values = error_norm(predict(fitted.model, pool, runtime), pool.labels)
        return _keep(home, {"el2n": values}, fitted, runtime)

    return _cached(config, make, ["el2n"])


def epochs_to_go(pool: ImageSet, asked: Collection[tuple[str, int, int]], runtime: Runtime) -> int:
    """Epochs of the scoring runs behind some scores that are neither kept nor came with the kit.

    Args:
        pool: the full training set.
        asked: (metric, epochs, seed) as for `score`.
        runtime: device and precision.
    """
    left = {}
    for metric, epochs, seed in asked:
        window, protocol = _window(metric, epochs), protocols.scoring(epochs=epochs)
        config = _dynamics(pool, protocol, window, seed, None, runtime, _recorded([metric]))
        kept = store.is_done(runs_dir("scores") / store.config_hash(config))
        if not kept and not is_committed(config, [metric]):
            left[store.config_hash(config)] = epochs
    return sum(left.values())


def _window(metric: str, epochs: int) -> int:
    """The epochs that count for EL2N: all of its own run, the first ten of other scores' runs."""
    return epochs if metric == "el2n" else EL2N_EPOCHS


def _dynamics(
    pool: ImageSet,
    protocol: Protocol,
    el2n_epochs: int,
    seed: int,
    student: str | None,
    runtime: Runtime,
    metrics: dict[str, Metric],
) -> dict[str, Any]:
    config = _config("dynamics", pool, protocol, student, runtime)
    config |= {"el2n_epochs": el2n_epochs, "seed": seed, "metrics": sorted(metrics)}
    own = {name: code[0] for name in metrics if (code := score_code(name))}
    return config | ({"own_metrics": own} if own else {})


def _recorded(wanted: Collection[str]) -> dict[str, Metric]:
    """What a run records: the kit's scores, and a user's own ones only where they are wanted.

    So a run of before, or one that came with the kit, stands when somebody adds a score.
    """
    return {k: m for k, m in METRICS.items() if k in wanted or not score_code(k)}


def _config(
    what: str, pool: ImageSet, protocol: Protocol, student: str | None, runtime: Runtime
) -> dict[str, Any]:
    check_object("pool", pool, ImageSet)
    check_object("runtime", runtime, Runtime)
    student = student or pool.student
    return {
        "what": what,
        "pool": pool.with_student(student).fingerprint(),
        "protocol": protocol.as_dict(),
        "student": student,
        "precision": runtime.precision,
        "device": runtime.device.type,
        **models.network_code(student),
    }


def _keep(
    home: Path, values: dict[str, Tensor], fitted: Fitted, runtime: Runtime
) -> dict[str, Any]:
    save_arrays(home / SCORES, values)
    (home / "checkpoint.npz").unlink(missing_ok=True)
    give_back(runtime.device)
    cost = {"seconds": fitted.seconds, "views": fitted.views}
    return cost | {"machine": machine_name(runtime.device), "versions": store.versions()}


def _cached(config: dict[str, Any], make: Any, wanted: Collection[str]) -> Run:
    """A finished run: of the cache, else one that came with the kit, else made now."""
    if not store.is_done(runs_dir("scores") / store.config_hash(config)):
        there = committed(config, wanted)
        if there is not None:
            return there
    return run_in(store.cached(runs_dir("scores"), config, make), config)
