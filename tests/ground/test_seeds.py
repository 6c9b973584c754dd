"""One tree of seeds."""

import numpy as np
import pytest
import torch

from rdc_kit.ground.seeds import as_seed, as_seeds, derive_seed, generator, seeded_globals


@pytest.mark.parametrize(
    ("seeds", "meant"),
    [
        *((3, [0, 1, 2]), (np.int64(2), [0, 1]), ([4, 2], [4, 2]), (range(2, 4), [2, 3])),
        *((np.array([5, 1]), [5, 1]), (torch.tensor([5, 1]), [5, 1])),
    ],
    ids=str,
)
def test_a_number_counts_seeds_and_a_list_names_them(seeds, meant):
    assert as_seeds(seeds) == meant


@pytest.mark.parametrize("seeds", ["12", "3", (0.5, 1.7), 2.5, 0, [], [1, 1], None], ids=str)
def test_what_names_no_seeds_is_refused(seeds):
    """Of "12" the seeds were 1 and 2, of (0.5, 1.7) they were 0 and 1."""
    with pytest.raises(ValueError, match="or different seeds, in whole numbers such as 3"):
        as_seeds(seeds)


def test_numpys_seed_is_pythons_and_what_is_no_whole_number_is_refused():
    assert type(as_seed(np.int64(3))) is int
    assert as_seed(-1) == -1
    for wrong in (1.0, np.float64(1), None, "1", True, [1]):
        with pytest.raises(ValueError, match="a seed must be a whole number, got"):
            as_seed(wrong)


def test_the_seed_tree_has_no_two_equal_branches():
    seeds = {
        derive_seed(seed, *path)
        for seed in range(20)
        for path in [("init",), *((what, e) for what in ("order", "views") for e in range(50))]
    }
    assert len(seeds) == 20 * 101


def test_a_branch_of_the_seed_tree_is_always_the_same():
    """Known answers: with other seeds no earlier result could be repeated."""
    assert derive_seed(7, "views", 3) == 4881901185584745137
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
