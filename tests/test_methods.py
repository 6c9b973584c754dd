"""The registry: one signature, strict options, and the paper's order on digits."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import rdc_kit as rdc
from rdc_kit import methods
from rdc_kit.data.imagesets import DataError, Traits
from rdc_kit.methods import METHODS, Method

from .conftest import colour_blocks

QUICK = {"epochs": 2, "iterations": 3, "teacher_epochs": 20}


def quick(name):
    return {k: v for k, v in QUICK.items() if k in rdc.METHODS[name].options}


@pytest.mark.parametrize("name", list(rdc.METHODS))
def test_every_method_makes_ipc_images_of_each_class(name, exact):
    pool = colour_blocks(per_class=9)
    options = quick(name)
    stored = rdc.compress(name, pool, 2, seed=1, runtime=exact, **options)
    assert stored.counts().tolist() == [2, 2, 2]
    assert stored.images.shape[1:] == pool.images.shape[1:]
    facts = stored.provenance
    assert (facts["method"], facts["ipc"], facts["seed"]) == (name, 2, 1)
    assert facts["source"] == "blocks"
    again = rdc.compress(name, pool, 2, seed=1, runtime=exact, **options)
    assert stored.fingerprint() == again.fingerprint()


def test_random_differs_by_seed_and_noise_holds_nothing_of_the_pool(blocks):
    one, other = (rdc.compress("random", blocks, 2, seed=s).row_ids for s in (0, 1))
    assert not torch.equal(one, other)
    noise = rdc.compress("noise", blocks, 2)
    mean = noise.images.float().mean() / 255
    assert abs(mean - 0.449) < 0.02
    assert (noise.row_ids == -1).all()


def test_the_literal_reading_stores_fewer_composites(exact):
    pool = colour_blocks(per_class=9)
    stored = rdc.compress("pca", pool, 8, order="random", originals_per_class=8)
    assert stored.counts().tolist() == [2, 2, 2]


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


def test_numpys_whole_numbers_are_whole_numbers(blocks):
    kept = rdc.compress("random", blocks, np.int64(2))
    assert torch.equal(kept.images, rdc.compress("random", blocks, 2).images)
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
        (("random", 99, {}), "99 are asked of each class: lower ipc"),
        (("pca", 2, {"grid": 99, "order": "random"}), "99x99 grid does not fit"),
    ],
)
def test_wrong_calls_are_refused(blocks, call, message):
    name, ipc, options = call
    with pytest.raises(ValueError, match=message):
        rdc.compress(name, blocks, ipc, **options)


def test_easiest_beats_random_beats_hardest_on_digits(digits):
    """The paper's first step, on real images: three seeds, one image of each class."""
    pool, test = digits
    protocol = rdc.protocols.hard(epochs=60)
    accuracy = {
        name: rdc.evaluate(rdc.compress(method, pool, 1, **options), test, protocol).mean
        for name, method, options in [
            ("random", "random", {}),
            ("easy", "el2n", {"order": "easy"}),
            ("hard", "el2n", {"order": "hard"}),
            ("pca", "pca", {}),
        ]
    }
    assert accuracy["easy"] > accuracy["random"] > accuracy["hard"] + 10
    assert accuracy["pca"] > accuracy["easy"]


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
        methods.compress(name, pool, 1, runtime=exact)


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


def test_like_puts_classes_into_the_pools_order():
    pool = colour_blocks()
    other = replace(pool, classes=pool.classes[::-1])
    same = other.like(pool)
    names = [other.classes[k] for k in other.labels]
    assert [same.classes[k] for k in same.labels] == names
    assert same.classes == pool.classes
    with pytest.raises(DataError, match="name different classes: z and "):
        replace(pool, classes=("z", *pool.classes[1:])).like(pool)
