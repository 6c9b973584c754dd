"""What `compress` refuses before anything is trained, and what it asks of a method of one's own."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import rdc_kit as rdc
from rdc_kit import methods
from rdc_kit.data.imagesets import DataError, Traits
from rdc_kit.methods import METHODS, Method
from rdc_kit.prune.recorders import Scores
from rdc_kit.train import teachers, training
from rdc_kit.train.models import NETWORKS

from .conftest import colour_blocks


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("pca", {"order": "esy"}, "unknown order 'esy'"),
        ("pca", {"grouping": "x"}, "unknown grouping 'x'"),
        ("pca", {"originals_per_class": 5}, "is 5, no multiple of a grid's cells"),
        ("pca", {"originals_per_class": 0}, "at least 1"),
        ("el2n", {"skip": 2}, "skip must be a share"),
        ("el2n", {"order": "ccs", "skip": 0.5}, "not of 'ccs'"),
        ("rded", {"crops": 0}, "crops must be a whole number of at least 1"),
        ("rded", {"drawn": 0.5}, "drawn must be"),
        ("rded", {"factor": 0}, "factor must be"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_trained(
    blocks, name, options, message, monkeypatch
):
    for step in ("score", "squeeze"):
        monkeypatch.setattr(f"rdc_kit.methods.{step}", None)
    with pytest.raises(ValueError, match=message):
        rdc.compress(name, blocks, 1, **options)


@pytest.mark.parametrize(
    ("name", "fixed", "message"),
    [
        ("el2n", {"metric": "el2n", "order": "esy"}, "unknown order 'esy'"),
        ("pca", {"order": "esy"}, "unknown order 'esy'"),
        ("pca", {"grouping": "rank"}, "unknown grouping 'rank'"),
        ("aum", {"metric": "aun"}, "unknown pruning metric 'aun'"),
    ],
)
def test_so_are_wrong_values_of_a_line_of_ones_own(blocks, name, fixed, message, monkeypatch):
    monkeypatch.setattr("rdc_kit.methods.score", None)
    monkeypatch.setitem(METHODS, "mine", replace(METHODS[name], fixed=fixed))
    with pytest.raises(ValueError, match=message):
        rdc.compress("mine", blocks, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda pool, ipc: pool, r"'mine' must be a function of \(pool, ipc, seed, ru.*: too many"),
        (lambda pool, ipc, seed, runtime, more: pool, r"'mine' must be .*: missing a .* 'more'"),
        (3, r"METHODS\['mine'\] must have a function that makes sets, not a int"),
        (lambda pool, ipc, seed, runtime: [1] * 999, r"method 'mine': .* ImageSet.* not a list$"),
    ],
)
def test_a_wrong_method_of_ones_own_is_named(blocks, monkeypatch, make, message):
    mine = Method("mine", make, "own", "nothing", "none", "-")
    monkeypatch.setitem(METHODS, "mine", mine)
    with pytest.raises(ValueError, match=message):
        rdc.compress("mine", blocks, 1)


def test_numpys_whole_numbers_are_whole_numbers(blocks):
    kept = rdc.compress("random", blocks, np.int64(2), seed=np.int64(1))
    assert torch.equal(kept.images, rdc.compress("random", blocks, 2, seed=1).images)
    with pytest.raises(ValueError, match=r"a seed must be a whole number, got 1\.0"):
        rdc.compress("random", blocks, 2, seed=1.0)
    grid = rdc.combine(rdc.select(blocks, None, 4, "random"), grid=np.int64(2)).grid
    assert grid == (2, 2)
    assert type(grid[0]) is int


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (("rndom", 2, {}), "unknown method 'rndom' - did you mean 'random'"),
        (
            ("pca", 2, {"grids": 2}),
            "unknown option of pca 'grids' - did you mean 'grid'. Known: order, metric",
        ),
        (("random", 0, {}), "ipc must be a whole number of at least 1"),
        (("random", 1.5, {}), "ipc must be"),
        (("random", 99, {}), "99 are asked of each class: lower ipc$"),
        (("pca", 99, {}), r"396 are asked of .*: lower ipc \(or the grid, or originals_per"),
        (("rded", 99, {}), r"99 are asked of each class: lower ipc \(or the factor"),
        (("pca", 2, {"grid": 99, "order": "random"}), "99x99 grid does not fit"),
    ],
)
def test_wrong_calls_are_refused(blocks, call, message):
    name, ipc, options = call
    with pytest.raises(ValueError, match=message):
        rdc.compress(name, blocks, ipc, **options)


@pytest.mark.parametrize(
    ("name", "missing", "message"),
    [("lpld", 2, "classes without images: 2"), ("dwa", 1, "class '1' has no image")],
)
def test_a_pool_that_a_recipe_cannot_take_is_refused_before_a_teacher_is_trained(
    fresh_home, exact, monkeypatch, name, missing, message
):
    monkeypatch.setattr(methods, "squeeze", None)  # calling it would fail
    pool = colour_blocks(classes=3)
    pool = pool[torch.flatten((pool.labels != missing).nonzero())]
    with pytest.raises(rdc.DataError, match=message):
        rdc.compress(name, pool, 1, runtime=exact)


def made_by(monkeypatch, make):
    """What a method of one's own gives, through `compress`."""
    monkeypatch.setitem(METHODS, "mine", Method("mine", make, "baseline", "", "", ""))
    return lambda pool, ipc: rdc.compress("mine", pool, ipc)


def test_a_set_of_ones_own_is_trained_by_the_pools_rules(monkeypatch):
    """A folder's traits are other ones: mirrored, small crops, another network."""
    pool = replace(colour_blocks(), classes=("a", "b", "c"))
    pool = replace(pool, traits=Traits(flip=False, min_crop=0.5, student="convnet2-w8"))
    rows = [0, 1, 3, 4, 2, 5]
    own = rdc.from_tensors(pool.images[rows], pool.labels[rows])  # numbered classes
    assert own.traits != pool.traits
    stored = made_by(monkeypatch, lambda pool, ipc, seed, runtime: own)(pool, 2)
    assert (stored.traits, stored.classes) == (pool.traits, pool.classes)
    assert stored.row_ids.tolist() == [-1] * 6  # they are no rows of the pool
    kept = made_by(monkeypatch, lambda pool, ipc, seed, runtime: pool[rows])(pool, 2)
    assert kept.row_ids.tolist() == rows


def test_an_own_method_must_return_what_was_asked_for(monkeypatch):
    pool = colour_blocks()
    give = made_by(monkeypatch, lambda pool, ipc, seed, runtime: pool[[0, 1, 3, 4, 2, 5]])
    with pytest.raises(DataError, match=r"has 2 images of class .*, and 5 of each were asked for"):
        give(pool, 5)
    larger = colour_blocks(size=32)
    with pytest.raises(DataError, match=r"is of 16 px, .* of 32 px"):
        made_by(monkeypatch, lambda *_: pool[[0, 1, 3, 4, 2, 5]])(larger, 2)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("ccs", {"beta": 2}, "ccs needs 0 <= beta < 1"),
        ("ccs", {"strata": 0}, "strata must be a whole number of at least 1, got 0"),
        ("rded", {"factor": 3}, "factor 3 does not divide the size 16"),
        ("rded", {"factor": 17}, "17x17 grid does not fit"),
        ("sre2l", {"milestone": 0.9}, "of recipes with crops, and sre2l at 16 px has none"),
        ("cda", {"milestone": 1.5}, "a share from 0 to 1"),
        ("pca", {"originals_per_class": 8}, "8 originals per class fill 2 composites, and 1 per"),
    ],
)
def test_ranges_are_checked_before_anything_is_trained(name, options, message, monkeypatch):
    """Some were checked after a scoring run or a teacher, and some by nobody."""
    for step in ("score", "squeeze"):
        monkeypatch.setattr(methods, step, None)
    with pytest.raises(ValueError, match=message):
        rdc.compress(name, colour_blocks(per_class=9), 1, **options)


def test_networks_that_take_turns_fit_the_images_before_one_is_trained(monkeypatch):
    monkeypatch.setattr(teachers, "fit", None)
    with pytest.raises(ValueError, match="than 'convnet1-w8-bn' among them, which has 1: name a t"):
        rdc.compress("gvbsm", colour_blocks(), 1, teacher="convnet1-w8")
    pool = colour_blocks(size=8)
    pool = replace(pool, traits=replace(pool.traits, student="convnet3-w8"))
    with pytest.raises(ValueError, match="depth 4 needs images of 16 px, got 8"):
        rdc.compress("gvbsm", pool, 1)


def test_scores_of_the_kit_are_those_that_the_method_goes_by(blocks):
    ranks = torch.arange(len(blocks), dtype=torch.float32)
    aum, own = (Scores.of(blocks, name, ranks) for name in ("aum", "ours"))
    for name, options in (("el2n", {}), ("pca", {"metric": "forgetting"})):
        with pytest.raises(ValueError, match=r"was to go by \w+, and these scores are aum"):
            rdc.compress(name, blocks, 1, scores=aum, **options)
    assert rdc.compress("el2n", blocks, 1, scores=own).provenance["score"] == "ours"
    assert rdc.compress("pca", blocks, 1, scores=aum).provenance["score"] == "aum"


def test_a_teacher_that_is_given_tells_of_itself(exact):
    """The facts said 30 epochs and seed 0, whatever it was."""
    pool = colour_blocks(per_class=9)
    teacher = rdc.squeeze(pool, epochs=20, seed=5, runtime=exact)
    facts = rdc.compress("rded", pool, 1, runtime=exact, teacher=teacher).provenance
    assert "teacher" in facts
    assert not {"teacher_epochs", "teacher_seed"} & set(facts)


def test_how_to_make_what_is_given_is_refused(blocks, exact, teacher):
    """It stood in the facts of the set, and nothing had gone by it."""
    ranks = torch.arange(len(blocks), dtype=torch.float32)
    own, aum = (Scores.of(blocks, name, ranks) for name in ("ours", "aum"))
    for name, options, told in (
        ("pca", {"scores": own, "epochs": 7, "scoring_seed": 3}, "scores, so epochs, scoring_seed"),
        ("pca", {"scores": own, "metric": "aum"}, "scores, so metric"),
        ("rded", {"teacher": teacher, "teacher_epochs": 7}, "teacher, so teacher_epochs"),
        ("sre2l", {"teacher": teacher, "teacher_seed": 0}, "teacher, so teacher_seed"),
    ):
        with pytest.raises(ValueError, match=told):
            rdc.compress(name, blocks, 1, runtime=exact, **options)
    assert rdc.compress("pca", blocks, 1, scores=aum, metric="aum", epochs=None)


def test_images_at_random_are_scored_by_nobody(blocks, monkeypatch):
    """A scoring run was trained, and nothing used it."""
    monkeypatch.setattr(training, "_train_epoch", None)
    for name in ("el2n", "aum"):
        for vain in ({}, {"epochs": 7, "scoring_seed": 3}):
            made = rdc.compress(name, blocks, 2, order="random", **vain)
            assert made.row_ids.tolist() == rdc.compress("random", blocks, 2).row_ids.tolist()
            assert not {"score", "epochs", "scoring_seed"} & set(made.provenance)


def test_a_teacher_that_is_given_must_know_the_pool(exact, teacher):
    """One of other classes ended in an IndexError, one of other images in torch's words."""
    for pool, told in (
        (colour_blocks(per_class=9, classes=4), "knows 3 classes, this set has 4"),
        (colour_blocks(per_class=9, size=32), "cannot look at images of 32 px"),
    ):
        for name in ("sre2l", "rded"):
            with pytest.raises(DataError, match=told):
                rdc.compress(name, pool, 1, runtime=exact, teacher=teacher)


def test_a_teacher_that_is_given_has_as_many_networks_as_the_recipe_asks(exact, teacher):
    """The facts of a set said four."""
    pool = colour_blocks(per_class=9)
    both = replace(teacher, models=teacher.models * 2, names=teacher.names * 2)
    for name, given, told in (("gvbsm", teacher, "4 networks, .* 1"), ("sre2l", both, "1 .* 2")):
        with pytest.raises(ValueError, match=f"asks teachers={told}: squeeze as many"):
            rdc.compress(name, pool, 1, runtime=exact, teacher=given, iterations=2)
    four = replace(teacher, models=teacher.models * 4, names=teacher.names * 4)
    assert rdc.compress("gvbsm", pool, 1, runtime=exact, teacher=four, iterations=2)


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("random", {"pool": rdc.load}, "pool must be of the kind ImageSet, .* got function"),
        ("el2n", {"scores": torch.ones(18)}, "scores must be of the kind Scores, .* got Tensor"),
        ("el2n", {"runtime": "cpu"}, "runtime must be of the kind Runtime, .* got 'cpu'"),
        ("random", {"runtime": "cpu"}, "runtime must be of the kind Runtime, .* got 'cpu'"),
        ("rded", {"teacher": torch.nn.Linear(2, 2)}, "teacher must be .* Teacher, .* got Linear"),
    ],
)
def test_another_kind_of_thing_is_refused_before_anything_is_trained(
    name, given, told, monkeypatch
):
    monkeypatch.setattr(training, "_train_epoch", None)
    with pytest.raises(ValueError, match=told):
        rdc.compress(name, **{"pool": colour_blocks(), "ipc": 1} | given)


@pytest.mark.parametrize("name", ["sre2l", "gvbsm", "rded"])
def test_a_teachers_name_is_one_network_with_and_without_bn(name, exact):
    """SRe2L trained the one without batch norm, then refused it; RDED went by it."""
    pool = colour_blocks(per_class=9)
    how = {"iterations": 2} if name != "rded" else {}
    plain, named = (
        rdc.compress(name, pool, 1, runtime=exact, teacher=teacher, teacher_epochs=20, **how)
        for teacher in ("convnet2-w8", "convnet2-w8-bn")
    )
    assert plain.fingerprint() == named.fingerprint()
    assert plain.provenance["teacher"] == named.provenance["teacher"] == "convnet2-w8-bn"


def test_an_ensemble_may_begin_with_published_weights(blocks, exact):
    """Their name was checked with the word in front of it, which no network has."""
    with pytest.raises(DataError, match="knows ImageNet-1K's 1000 classes, the pool has 3"):
        rdc.compress("gvbsm", blocks, 1, runtime=exact, teacher="torchvision:resnet18")


def test_an_own_methods_view_is_the_one_that_it_was_registered_with(monkeypatch):
    """Arms are told apart by it: one with view "whole" was dropped as the same arm."""
    pool = colour_blocks()

    def make(pool, ipc, seed, runtime):
        return rdc.combine(rdc.select(pool, None, 4 * ipc, "random", seed))

    with pytest.raises(
        DataError, match=r"registered with 'whole': say Method\(\.\.\., view='cell'\)"
    ):
        made_by(monkeypatch, make)(pool, 1)
    monkeypatch.setitem(METHODS, "mine", Method("mine", make, "pca", "", "", "", view="cell"))
    assert rdc.compress("mine", pool, 1).view == "cell"


def test_an_own_network_without_batch_norm_is_refused_before_it_is_trained(monkeypatch, blocks):
    """It was trained as a teacher first."""

    def linear(classes, size):
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * size**2, classes))

    monkeypatch.setitem(NETWORKS, "linear", linear)
    monkeypatch.setattr(methods, "squeeze", None)
    with pytest.raises(ValueError, match=r"no batch norm .*, or give yours nn\.BatchNorm2d"):
        rdc.compress("sre2l", blocks, 1, teacher="linear")
    taught = replace(blocks, traits=replace(blocks.traits, student="linear"))
    with pytest.raises(ValueError, match="no batch norm"):
        rdc.compress("dwa", taught, 1)
