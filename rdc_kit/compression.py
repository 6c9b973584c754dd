"""One call for every method: its options are checked, its set is made and says how."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

from .augment.boxes import as_grid
from .combine import GROUPINGS
from .data.checks import check_count, check_enough, check_made
from .data.imagesets import DataError, ImageSet
from .distill.noise import SPECTRA
from .distill.rded import check_factor, usual_factor
from .ground.device import Runtime
from .ground.kinds import check_kinds, check_object
from .ground.names import check_known
from .ground.own import ADDED, is_own
from .ground.seeds import as_seed
from .methods import KITS, Method, method_named
from .prune.metrics import METRICS
from .prune.recorders import Scores
from .prune.selection import check_order
from .train.models import with_batch_norm
from .train.teachers import Teacher

# Options that say how scores and a teacher are made, where they are not given.
_MADE_BY = {
    "scores": ("metric", "epochs", "scoring_seed"),
    "teacher": ("teacher_epochs", "teacher_seed"),
}


def compress(
    name: str,
    pool: ImageSet,
    ipc: int,
    seed: int = 0,
    runtime: Runtime | None = None,
    **options: Any,
) -> ImageSet:
    """Compress a pool to `ipc` stored images per class.

    Args:
        name: a key of METHODS.
        pool: the full training set.
        ipc: images per class as stored; a composite counts as one.
        seed: root of the seed tree of this set.
        runtime: device and precision of the training that a method needs.
        options: the method's own, such as order="hard" or grid=3. Methods that score the pool take
            scoring_seed, those that use a teacher teacher_seed. Images at random are scored by
            nobody: how scores are made changes nothing there.

    Returns:
        ImageSet with ipc * C images and its provenance.

    Raises:
        ValueError: unknown method or option; the message names the known ones; something is of
            another kind than meant; or options say how scores or a teacher are made that are given
            ready-made. DataError: pool too small, ipc is no whole number of at least
            1, or a teacher that does not know the pool.
    """
    check_useful(name, options)
    return make_set(name, pool, ipc, seed, runtime, _used(name, options))


def make_set(
    name: str,
    pool: ImageSet,
    ipc: int,
    seed: int,
    runtime: Runtime | None,
    options: dict[str, Any],
) -> ImageSet:
    """`compress`, with options that `check_options` has seen and of which none need be of use.

    A grid gives every method all settings, used or not, and its sets tell them all.
    """
    method = method_named(name)
    check_object("pool", pool, ImageSet)
    if runtime is not None:
        check_object("runtime", runtime, Runtime)
    options = settled(name, options)
    ipc, seed = check_count("ipc", ipc), as_seed(seed)
    check_room(name, pool, ipc, options)
    stored = method.make(pool, ipc, seed, runtime, **method.fixed, **options)
    if is_own(method.make):
        try:
            stored = check_made(stored, pool, ipc, method.view)
        except DataError as error:
            raise DataError(f"method {name!r}: {error}") from error
    given = {k: v for k, v in options.items() if not isinstance(v, Scores | Teacher)}
    unscored = options.get("scores") is not None or options.get("order") == "random"
    told = {*stored.provenance, *(_MADE_BY["scores"] if unscored else ())}
    if isinstance(options.get("teacher"), Teacher):  # trained before, nobody says how here
        told |= {*_MADE_BY["teacher"]}
    usual = {k: v for k, v in method.options.items() if v is not None and k not in told}
    facts = {"method": name, "family": method.family, "ipc": ipc, "seed": seed, **given}
    return replace(stored, provenance=stored.provenance | usual | facts)


def _used(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options without those that say how images at random would be scored."""
    method = method_named(name)
    if not is_own(method.make) and (method.fixed | options).get("order") == "random":
        return {k: v for k, v in options.items() if k not in _MADE_BY["scores"]}
    return options


def idle_ways(name: str, options: dict[str, Any]) -> set[str]:
    """Options that change nothing, for what they say how to make is given: scores, or a Teacher.

    None of a method of one's own.
    """
    given = {key for key in _MADE_BY if isinstance(options.get(key), Scores | Teacher)}
    own = is_own(method_named(name).make)
    return set() if own else {way for key in given for way in _MADE_BY[key]}


def check_useful(name: str, options: dict[str, Any]) -> None:
    """`check_options`, of options of which each is to be of use.

    Raises:
        ValueError: options that say how scores or a teacher are made, besides scores or a Teacher.
    """
    check_options(name, options)
    agreed = getattr(options.get("scores"), "name", None)
    vain = {way for way in idle_ways(name, options) if options.get(way) not in (None, agreed)}
    for given, ways in _MADE_BY.items():
        if told := [way for way in ways if way in vain]:
            raise ValueError(
                f"{name} was given its {given}, so {', '.join(told)} would change nothing: leave "
                "that out"
            )


def check_options(name: str, options: dict[str, Any]) -> None:
    """Refuse options that a method does not take, before anything is made or trained.

    Raises:
        ValueError: an unknown method or option, a value of another kind or that is not known, or a
            method of one's own that cannot be called as methods are.
    """
    method = method_named(name)
    if is_own(method.make):
        _check_call(name, method)
    for option in options:
        check_known(f"option of {name}", option, method.options)
    check_kinds(name, getattr(method.make, "__annotations__", {}), options)
    if is_own(method.make):
        return
    how = method.fixed | options
    check_known("pruning metric", how.get("metric", "el2n"), METRICS, ADDED)
    given, asked = how.get("scores"), how.get("metric")
    if given is not None:
        check_object("scores", given, Scores)
    if given and given.name in METRICS and asked not in (None, given.name):
        raise ValueError(
            f"{name} was to go by {asked}, and these scores are {given.name}: give it others, or "
            "take the method or metric of these"
        )
    check_order(how.get("order", "easy"), how.get("skip", 0.0))
    check_known("grouping", how.get("grouping", "rank_block"), GROUPINGS)
    check_known("spectrum", how.get("spectrum", "white"), SPECTRA)
    if isinstance(teacher := how.get("teacher"), str):
        with_batch_norm(teacher)
    elif teacher is not None:
        check_object("teacher", teacher, Teacher)


def _check_call(name: str, method: Method) -> None:
    given = dict.fromkeys(method.options) | method.fixed
    try:
        inspect.signature(method.make).bind("pool", "ipc", "seed", "runtime", **given)
    except TypeError as error:
        raise ValueError(
            f"method {name!r} must be a function of (pool, ipc, seed, runtime, *, its options): "
            f"{error}"
        ) from None


def settled(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options of a method, a teacher's name being that of the network with batch norm.

    So that keys and provenance tell what is trained. A method of one's own gets what was given.

    Raises:
        ValueError: a teacher that is unknown, or has layer norm.
    """
    teacher = options.get("teacher")
    if teacher and isinstance(teacher, str) and method_named(name) is KITS.get(name):
        return options | {"teacher": with_batch_norm(teacher)}
    return options


def check_room(name: str, pool: ImageSet, ipc: int, options: dict[str, Any]) -> None:
    """Refuse more images per class than a pool has, before anything is scored or trained.

    Raises:
        DataError: a class has fewer images than the method keeps.
    """
    method = method_named(name)
    if name == "rded" and method is KITS["rded"]:
        check_factor(pool, ipc, options.get("factor") or usual_factor(pool.size))
    elif method.family in ("baseline", "pruning", "pca") and name != "noise":
        rows, columns = as_grid(options.get("grid", method.options.get("grid", 1)), pool.size)
        originals = options.get("originals_per_class")
        lower = "ipc (or the grid, or originals_per_class)" if "grid" in method.options else "ipc"
        check_enough(pool, ipc * rows * columns if originals is None else originals, lower)
