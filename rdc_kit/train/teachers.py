"""Teachers: networks trained on the full pool ("squeeze"), kept on disk, checked before use."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..augment.views import plain_view
from ..data.imagesets import DataError, ImageSet
from ..ground import store
from ..ground.arrays import load_arrays, save_arrays
from ..ground.device import DEVICES, Runtime, choose_runtime, give_back
from ..ground.files import Damaged
from ..ground.folders import evidence_dir, runs_dir
from ..ground.kinds import check_object
from ..ground.seeds import as_seed
from . import models, protocols
from .accuracy import accuracy, accuracy_of, predict
from .labels import Answer, mean_answer
from .training import fit

_WEIGHTS = "weights.npz"


@dataclass(frozen=True)
class Teacher:
    """One or several trained networks, frozen, in eval mode.

    Attributes:
        models: the networks; their mean logit is the answer.
        names: of the networks.
        key: identifies their pool and training; part of the config of every run that uses them.
        pool_top1: accuracy of the answer on the pool it was trained on, percent.
        test_top1: the same on the test images; None before `tested_on`.
    """

    models: tuple[nn.Module, ...]
    names: tuple[str, ...]
    key: str
    pool_top1: float
    test_top1: float | None = None

    def __str__(self) -> str:
        tested = "" if self.test_top1 is None else f", {self.test_top1:.1f} % of the test images"
        return f"teacher {', '.join(self.names)}: {self.pool_top1:.1f} % of the pool{tested}"

    def fingerprint(self) -> str:
        """Of networks, pool and training; two teachers may be as good as each other."""
        return store.config_hash(self.key)

    def answering(self, runtime: Runtime, norm: str = "eval") -> Answer:
        """A function from normalised inputs [B, 3, S, S] to logits float32 [B, C], no gradient.

        Args:
            runtime: device and precision; the networks are moved to its device.
            norm: "eval", or "batch" for batch norm with the statistics of the batch that it sees.

        Raises:
            ValueError: another norm, or see `check_frozen`.
        """
        return mean_answer(self._on(runtime), runtime, norm)

    def _on(self, runtime: Runtime) -> list[nn.Module]:
        """The networks where the runtime computes, in float32; they are moved, not copied."""
        return [runtime.placed(model.float()) for model in self.models]

    def logits_of(self, images: ImageSet, runtime: Runtime) -> Tensor:
        """The answer to a set's images, whole and unaugmented, float32 [N, C] on the CPU."""
        return torch.stack([predict(model, images, runtime) for model in self._on(runtime)]).mean(0)

    def accuracy_on(self, images: ImageSet, runtime: Runtime) -> float:
        """Top-1 of the answer on a set, percent."""
        logits = self.logits_of(images, runtime)
        return accuracy(logits, images.labels, images.num_classes).top1

    def tested_on(self, test: ImageSet, runtime: Runtime) -> Teacher:
        """The same teacher with its accuracy on the test images: the limit of what it can teach.

        Raises:
            DataError: it is below twice chance (with few classes: a tenth of the way from chance to
                100 %), although the accuracy on the pool was not.
        """
        top1, chance = self.accuracy_on(test, runtime), 100 / test.num_classes
        if top1 < min(2 * chance, chance + (100 - chance) / 10):
            raise DataError(
                f"the teacher gets {self.pool_top1:.1f} % of the pool but {top1:.1f} % of the test "
                "set: are the test set's classes in the same order?"
            )
        return replace(self, test_top1=top1)


def check_teacher(images: ImageSet, teacher: Teacher, runtime: Runtime) -> None:
    """Refuse a teacher of other classes or another size by its answer to one image.

    Raises:
        ValueError: it is no teacher, or see `check_frozen`. DataError: it does not know these
            classes, or cannot look at images of this size.
    """
    check_object("teacher", teacher, Teacher)
    one = plain_view(images.images[:1].to(runtime.device), images.traits)
    try:
        known = teacher.answering(runtime)(one).shape[1]
    except torch.OutOfMemoryError:  # which says nothing of the size that it was trained at
        raise
    except RuntimeError as error:
        raise DataError(
            f"{teacher} cannot look at images of {images.size} px: squeeze one at this size"
        ) from error
    if known != images.num_classes:
        raise DataError(f"{teacher} knows {known} classes, this set has {images.num_classes}")


def squeeze(
    pool: ImageSet,
    network: str | Sequence[str] | None = None,
    epochs: int = 30,
    seed: int = 0,
    runtime: Runtime | None = None,
) -> Teacher:
    """Train a teacher on the pool, or load the one that was trained before.

    Args:
        pool: the full training set.
        network: a name that `models.build` takes, several for an ensemble, or
            "torchvision:resnet18" for the weights that torchvision publishes for ImageNet-1K. By
            default the source's student with batch norm.
        epochs: epochs of the training.
        seed: root of the seed tree.
        runtime: device and precision.

    Returns:
        The teacher, after a check of its accuracy on the pool.

    Raises:
        ValueError: a network that cannot be built for this pool, or is named twice, before any is
            trained.
        DataError: it gets less than three times chance on the pool, with up to five classes less
            than 60 %: the training failed, or its classes are in another order.

    Source: the "squeeze" stage of SRe2L (arXiv 2306.13092); see protocols.squeezing.
    """
    seed = as_seed(seed)
    runtime = runtime or choose_runtime()
    check_object("pool", pool, ImageSet)
    check_object("runtime", runtime, Runtime)
    networks = network or models.with_batch_norm(pool.student)
    names = tuple(networks) if isinstance(networks, list | tuple) else (networks,)
    for name in names:
        _check_named(pool, name)
        if names.count(name) > 1:
            raise ValueError(
                f"the teacher's network {name!r} is named twice, and both would be the same: name "
                "different ones"
            )
    parts = [_one(pool, name, epochs, seed, runtime) for name in names]
    members, keys, scores = zip(*parts, strict=True)
    top1 = scores[0] if len(parts) == 1 else math.nan
    teacher = Teacher(members, names, " ".join(keys), top1)
    if math.isnan(top1):
        teacher = replace(teacher, pool_top1=_kept_top1(teacher, pool, runtime))
    least = min(60, 300 / pool.num_classes)
    if teacher.pool_top1 < least:
        raise DataError(
            f"the teacher {', '.join(names)} gets {teacher.pool_top1:.1f} % of the pool that it "
            f"was trained on, less than {least:.1f} %: give it more epochs than {epochs} "
            "(`--teacher-epochs` in a command), or check the order of the classes"
        )
    return teacher


def _check_named(pool: ImageSet, name: str) -> None:
    """Refuse a network that cannot be built for the pool, or does not know its classes."""
    if not isinstance(name, str) or not name.startswith(models.PUBLISHED):
        models.check_fits(name, pool.size, pool.num_classes)
    elif pool.num_classes != 1000:
        raise DataError(
            f"{name} knows ImageNet-1K's 1000 classes, the pool has {pool.num_classes}: leave the "
            "teacher's name out to train one on the pool"
        )


def _one(
    pool: ImageSet, name: str, epochs: int, seed: int, runtime: Runtime
) -> tuple[nn.Module, str, float]:
    """A network, its key and its accuracy on the pool; NaN for published weights."""
    if name.startswith(models.PUBLISHED):
        model = runtime.placed(_published(name.removeprefix(models.PUBLISHED)))
        return model.requires_grad_(False), name, math.nan
    config = _config(pool.fingerprint(), name, epochs, seed, runtime)

    def make(home: Path) -> dict[str, Any]:
        if (came := _committed(home.name, seed)) is not None:
            weights, result = came
            save_arrays(home / _WEIGHTS, weights)
            return result
        protocol = protocols.squeezing(epochs=epochs)
        fitted = fit(pool, protocol, name, seed, runtime, checkpoint=home / "checkpoint.npz")
        save_arrays(home / _WEIGHTS, fitted.model.state_dict())
        (home / "checkpoint.npz").unlink(missing_ok=True)
        give_back(runtime.device)
        score = accuracy_of(fitted.model, pool, runtime)
        return {"top1": score.top1, "seconds": fitted.seconds, "views": fitted.views}

    home = store.cached(runs_dir("teachers"), config, make)
    model = models.build(name, pool.num_classes, pool.size, seed)
    model.load_state_dict(load_arrays(home / _WEIGHTS))
    model = runtime.placed(model).eval().requires_grad_(False)
    return model, home.name, store.result_of(home)["top1"]


def _kept_top1(teacher: Teacher, pool: ImageSet, runtime: Runtime) -> float:
    """`Teacher.accuracy_on`, computed once for a teacher and a pool, and kept."""
    config = {
        "what": "accuracy",
        "teacher": teacher.key,
        "set": pool.fingerprint(),
        "precision": runtime.precision,
        "device": runtime.device.type,
    }
    folder = runs_dir("accuracies")
    home = store.cached(folder, config, lambda home: teacher.accuracy_on(pool, runtime))
    return float(store.result_of(home))


def _committed(key: str, seed: int) -> tuple[Any, dict[str, Any]] | None:
    """Weights and result of a teacher that came with the kit; None where there is no whole one."""
    home = evidence_dir() / "teachers" / key
    if not store.is_done(home):
        return None
    try:
        weights = load_arrays(home / _WEIGHTS)
    except (Damaged, FileNotFoundError):
        return None
    print(f"teacher of seed {seed}: from data/evidence/teachers, not trained again", flush=True)
    return weights, store.result_of(home)


def key_of(pool_key: str, name: str, epochs: int, seed: int, runtime: Runtime) -> str:
    """The key of a teacher of one network, before or after it is trained.

    Args:
        pool_key: fingerprint of the pool.
        name, epochs, seed, runtime: as in `squeeze`.
    """
    if name.startswith(models.PUBLISHED):
        return name
    return store.config_hash(_config(pool_key, name, epochs, seed, runtime))


def is_trained(key: str) -> bool:
    """Whether the teacher with this key exists already, or came with the kit."""
    homes = (runs_dir("teachers"), evidence_dir() / "teachers")
    return key.startswith(models.PUBLISHED) or any(store.is_done(home / key) for home in homes)


def _config(pool_key: str, name: str, epochs: int, seed: int, runtime: Runtime) -> dict[str, Any]:
    """What makes a teacher; of one that came with the kit, on whatever device it was trained."""
    config = {
        "what": "teacher",
        "pool": pool_key,
        "protocol": protocols.squeezing(epochs=epochs).as_dict(),
        "network": name,
        "seed": seed,
        "precision": runtime.precision,
        **models.network_code(name),
    }
    on_any = [config | {"device": device} for device in (runtime.device.type, *DEVICES)]
    folder = evidence_dir() / "teachers"
    came = (one for one in on_any if store.is_done(folder / store.config_hash(one)))
    return next(came, on_any[0])


def _published(name: str) -> nn.Module:
    """A torchvision network with its ImageNet-1K weights.

    Raises:
        DataError: there are none, or they cannot be downloaded.
    """
    import torchvision

    try:
        weights = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"]
        return torchvision.models.get_model(name, weights=weights).eval()
    except (ValueError, KeyError) as error:
        raise DataError(f"torchvision has no ImageNet-1K weights for {name!r}") from error
    except OSError as error:
        raise DataError(
            f"cannot download the weights of {name!r} ({error}): put the file into "
            f"{torch.hub.get_dir()}/checkpoints or set TORCH_HOME"
        ) from error
