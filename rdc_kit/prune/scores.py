"""Scoring a pool: one training run gives EL2N, Forgetting and AUM; cached on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..data.imagesets import ImageSet
from ..ground import store
from ..ground.arrays import load_arrays, save_arrays
from ..ground.device import Runtime, choose_runtime
from ..ground.folders import runs_dir
from ..ground.names import unknown
from ..train import protocols
from ..train.accuracy import predict
from ..train.protocols import Protocol
from ..train.training import fit
from .recorders import Forgetting, MeanScore, Scores, error_norm, margin, probability_margin

_SCORES = "scores.npz"

EL2N_EPOCHS = 10  # arXiv 2502.06434 and arXiv 2210.15809
FULL_EPOCHS = 30  # Forgetting and AUM watch a whole training; the papers take 60 to 200


@dataclass(frozen=True)
class Metric:
    """A way to rank images by their training.

    Attributes:
        title: its name in figures and tables.
        epochs: epochs of the scoring run that it needs.
        recorder: makes its recorder, from the number of rows and EL2N's epochs.
    """

    title: str
    epochs: int
    recorder: Callable[[int, int], MeanScore | Forgetting]


METRICS: dict[str, Metric] = {
    "el2n": Metric("EL2N", EL2N_EPOCHS, lambda n, few: MeanScore(error_norm, n, epochs=few)),
    "aum": Metric("AUM", FULL_EPOCHS, lambda n, _: MeanScore(margin, n, hard_is=-1)),
    "aum_prob": Metric(
        "AUM (p)", FULL_EPOCHS, lambda n, _: MeanScore(probability_margin, n, hard_is=-1)
    ),
    "forgetting": Metric("Forgetting", FULL_EPOCHS, lambda n, _: Forgetting(n)),
}


def dynamics(
    pool: ImageSet,
    epochs: int = FULL_EPOCHS,
    el2n_epochs: int = EL2N_EPOCHS,
    seed: int = 0,
    student: str | None = None,
    runtime: Runtime | None = None,
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

    Returns:
        Every metric of METRICS: "el2n", "aum" (margins of logits), "aum_prob" (of probabilities),
        "forgetting".
    """
    protocol = protocols.scoring(epochs=epochs)
    runtime = runtime or choose_runtime()
    config = _config("dynamics", pool, protocol, student, runtime)
    config |= {"el2n_epochs": el2n_epochs, "seed": seed, "metrics": sorted(METRICS)}

    def make(home: Path) -> dict[str, Any]:
        recorders = {name: m.recorder(len(pool), el2n_epochs) for name, m in METRICS.items()}
        checkpoint = home / "checkpoint.npz"
        fitted = fit(pool, protocol, student, seed, runtime, list(recorders.values()), checkpoint)
        arrays = {name: r.compute() for name, r in recorders.items()}
        recorder = recorders["forgetting"]
        if isinstance(recorder, Forgetting):
            arrays["never_learned"] = recorder.never_learned()
        return _keep(home, arrays, fitted.seconds, fitted.views)

    arrays = _cached(config, make)
    never_learned = arrays.pop("never_learned")
    return {
        name: Scores(
            name,
            values,
            pool.row_ids,
            never_learned if name == "forgetting" else None,
        )
        for name, values in arrays.items()
    }


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
        ValueError: unknown mode.
    """
    if mode not in ("dynamics", "snapshot"):
        raise ValueError(f"mode must be 'dynamics' or 'snapshot', got {mode!r}")
    seed_list = range(seeds) if isinstance(seeds, int) else seeds
    if mode == "dynamics":
        values = [
            dynamics(pool, epochs, epochs, s, student, runtime)["el2n"].values for s in seed_list
        ]
    else:
        values = [
            _snapshot(pool, epochs, s, student, runtime or choose_runtime()) for s in seed_list
        ]
    return Scores("el2n", torch.stack(values).mean(0), pool.row_ids)


def forgetting(pool: ImageSet, epochs: int = FULL_EPOCHS, seed: int = 0, **options: Any) -> Scores:
    """Forgetting events over a whole training run; see `dynamics` for the options."""
    return dynamics(pool, epochs, seed=seed, **options)["forgetting"]


def aum(
    pool: ImageSet, epochs: int = FULL_EPOCHS, seed: int = 0, space: str = "logit", **options: Any
) -> Scores:
    """Area under the margin, negated so that higher = harder; see `dynamics` for the options.

    Raises:
        ValueError: space is neither "logit" nor "prob".
    """
    if space not in ("logit", "prob"):
        raise ValueError(f"space must be 'logit' or 'prob', got {space!r}")
    name = "aum" if space == "logit" else "aum_prob"
    return dynamics(pool, epochs, seed=seed, **options)[name]


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
    if metric not in METRICS:
        raise ValueError(unknown("pruning metric", metric, METRICS))
    epochs = epochs or METRICS[metric].epochs
    window = epochs if metric == "el2n" else EL2N_EPOCHS
    return dynamics(pool, epochs, window, seed, runtime=runtime)[metric]


def _snapshot(
    pool: ImageSet, epochs: int, seed: int, student: str | None, runtime: Runtime
) -> torch.Tensor:
    protocol = protocols.scoring(epochs=epochs)
    config = _config("snapshot", pool, protocol, student, runtime) | {"seed": seed}

    def make(home: Path) -> dict[str, Any]:
        fitted = fit(pool, protocol, student, seed, runtime, checkpoint=home / "checkpoint.npz")
        values = error_norm(predict(fitted.model, pool, runtime), pool.labels)
        return _keep(home, {"el2n": values}, fitted.seconds, fitted.views)

    return _cached(config, make)["el2n"]


def _config(
    what: str, pool: ImageSet, protocol: Protocol, student: str | None, runtime: Runtime
) -> dict[str, Any]:
    return {
        "what": what,
        "pool": pool.fingerprint(),
        "protocol": protocol.as_dict(),
        "student": student or pool.student,
        "precision": runtime.precision,
        "device": runtime.device.type,
    }


def _keep(home: Path, values: dict[str, Tensor], seconds: float, views: int) -> dict[str, Any]:
    save_arrays(home / _SCORES, values)
    (home / "checkpoint.npz").unlink(missing_ok=True)
    return {"seconds": seconds, "views": views}


def _cached(config: dict[str, Any], make: Any) -> dict[str, Tensor]:
    return load_arrays(store.cached(runs_dir("scores"), config, make) / _SCORES)
