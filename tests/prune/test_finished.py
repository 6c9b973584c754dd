"""Finished scoring runs: found by the pool's images, each with the scores that it is good for."""

from dataclasses import replace

import torch

import rdc_kit as rdc
from rdc_kit.prune.finished import finished_runs

from ..conftest import colour_blocks


def test_runs_of_a_pool_are_found_by_length_and_seed_and_of_short_ones_el2n(exact, fresh_home):
    pool = colour_blocks(seed=13)
    rdc.dynamics(pool, 3, 2, seed=4, runtime=exact)
    rdc.el2n(pool, 2, seeds=[1, 0], runtime=exact)
    rdc.el2n(colour_blocks(seed=14), 2, runtime=exact)  # of other images
    found = [
        (run.config["protocol"]["epochs"], run.config["seed"], sorted(run.values))
        for run in finished_runs(pool)
    ]
    every = ["aum", "aum_prob", "el2n", "forgetting", "never_learned"]
    assert found == [(2, 0, ["el2n"]), (2, 1, ["el2n"]), (3, 4, every)]


def test_a_network_by_name_or_by_trait_is_the_same_run(exact, fresh_home):
    """The campaign names its network in the traits; somebody else may ask for it."""
    pool = colour_blocks(seed=12)
    named = replace(pool, traits=replace(pool.traits, student="convnet2-w4"))
    one = rdc.el2n(named, 2, runtime=exact)
    two = rdc.el2n(pool, 2, student="convnet2-w4", runtime=exact)
    assert torch.equal(one.values, two.values)
    for some in (pool, named):
        assert [run.config["student"] for run in finished_runs(some)] == ["convnet2-w4"]
