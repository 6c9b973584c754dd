"""One tree of seeds."""

import hashlib

import torch

from rdc_kit.ground.seeds import derive_seed, generator, seeded_globals


def test_the_seed_tree_has_no_two_equal_branches():
    seeds = {
        derive_seed(seed, *path)
        for seed in range(20)
        for path in [("init",), *((what, e) for what in ("order", "views") for e in range(50))]
    }
    assert len(seeds) == 20 * 101


def test_a_branch_of_the_seed_tree_is_always_the_same():
    """Known answers: with other seeds no earlier result could be repeated."""
    text = b"7/views/3"
    assert derive_seed(7, "views", 3) == int(hashlib.sha256(text).hexdigest()[:16], 16) // 2
    assert derive_seed(0, "init") == 1519069808562059438
    assert 0 <= derive_seed(10**12, "init") < 2**63


def test_generators_of_one_branch_draw_the_same_and_touch_nothing_global():
    before = torch.random.get_rng_state()
    one, again, other = (
        torch.rand(5, generator=generator(0, "views", epoch)) for epoch in (1, 1, 2)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_seeded_globals_hold_for_the_block_only():
    drawn = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        before = torch.random.get_rng_state()
        with seeded_globals(0, "init"):
            drawn.append(torch.rand(5))
        assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(*drawn)
    with seeded_globals(0, "other"):
        assert not torch.equal(torch.rand(5), drawn[0])
