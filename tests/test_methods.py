"""The registry: one signature, strict options, and the paper's order on digits."""

import pytest
import torch

import rdc_kit as rdc

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
