"""Selection: balance, direction, ties, and CCS budgets."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import rdc_kit as rdc
from rdc_kit.prune.recorders import Scores
from rdc_kit.prune.selection import ccs_rows, rank, water_fill

from ..conftest import colour_blocks


def scores_of(pool, values):
    return Scores("made", torch.as_tensor(values, dtype=torch.float32), pool.row_ids)


@settings(max_examples=40, deadline=None)
@given(
    per_class=st.integers(1, 6),
    order=st.sampled_from(["random", "easy", "hard", "ccs"]),
    seed=st.integers(0, 99),
    levels=st.integers(1, 20),
)
def test_every_selection_is_balanced_and_without_repetition(per_class, order, seed, levels):
    pool = colour_blocks(per_class=6, size=8)
    draw = torch.Generator().manual_seed(seed)
    values = torch.randint(0, levels, (len(pool),), generator=draw)
    kept = rdc.select(pool, scores_of(pool, values), per_class, order, seed)
    assert kept.counts().tolist() == [per_class] * 3
    assert len(set(kept.row_ids.tolist())) == len(kept)
    again = rdc.select(pool, scores_of(pool, values), per_class, order, seed)
    assert torch.equal(kept.row_ids, again.row_ids)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), hardest_first=st.booleans())
def test_nothing_left_out_is_better_than_what_was_kept(seed, hardest_first):
    pool = colour_blocks(per_class=6, size=8)
    values = torch.randint(0, 4, (len(pool),), generator=torch.Generator().manual_seed(seed))
    order = "hard" if hardest_first else "easy"
    kept = rdc.select(pool, scores_of(pool, values), 3, order, seed).row_ids
    for label in range(3):
        mine = pool.rows_of(label)
        taken = torch.isin(mine, kept)
        inside, outside = values[mine[taken]], values[mine[~taken]]
        if hardest_first:
            assert inside.min() >= outside.max()
        else:
            assert inside.max() <= outside.min()


def test_easy_comes_in_rank_order_and_hard_is_its_mirror():
    pool = colour_blocks(per_class=4, classes=1, size=8)
    scores = scores_of(pool, [0.3, 0.1, 0.4, 0.2])
    assert rdc.select(pool, scores, 3, "easy").row_ids.tolist() == [1, 3, 0]
    assert rdc.select(pool, scores, 3, "hard").row_ids.tolist() == [2, 0, 3]


def test_ties_are_broken_evenly_by_the_seed_and_reported():
    """Ten equals, three places: over many seeds each is chosen about as often."""
    pool = colour_blocks(per_class=12, classes=1, size=8)
    values = [0.0] + [1.0] * 10 + [2.0]
    counts = np.zeros(12)
    for seed in range(300):
        kept = rdc.select(pool, scores_of(pool, values), 4, "easy", seed)
        counts[kept.row_ids.numpy()] += 1
    assert counts[0] == 300
    assert counts[11] == 0
    assert counts[1:11].min() > 50
    assert counts[1:11].max() < 135
    assert kept.provenance["tie_mass"] == round(10 / 12, 4)
    lone = rdc.select(pool, scores_of(pool, np.arange(12)), 4)
    assert lone.provenance["tie_mass"] == 0


def test_rank_does_not_depend_on_the_order_of_the_rows():
    values = torch.rand(30, generator=torch.Generator().manual_seed(0))
    turn = torch.randperm(30, generator=torch.Generator().manual_seed(1))
    ranked = rank(values, torch.Generator())
    assert torch.equal(turn[rank(values[turn], torch.Generator())], ranked)


def test_water_filling_of_a_toy_histogram():
    sizes = torch.tensor([10, 1, 4, 0])
    assert water_fill(sizes, 9).tolist() == [4, 1, 4, 0]
    assert water_fill(sizes, 3).tolist() == [1, 1, 1, 0]
    assert water_fill(sizes, 15).tolist() == [10, 1, 4, 0]
    assert water_fill(torch.tensor([5, 5, 5]), 7).tolist() == [2, 2, 3]


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(0, 20), min_size=1, max_size=12), share=st.floats(0, 1))
def test_water_filling_spends_the_budget_and_overfills_no_bin(sizes, share):
    sizes = torch.tensor(sizes)
    budget = int(share * int(sizes.sum()))
    shares = water_fill(sizes, budget)
    assert int(shares.sum()) == budget
    assert (shares <= sizes).all()
    # Even: a bin that is not exhausted gets no less than any other bin, up to the leftover of 1.
    open_bins = shares[shares < sizes]
    assert len(open_bins) == 0 or int(shares.max()) - int(open_bins.min()) <= 1


def test_ccs_cuts_the_hardest_and_covers_every_stratum():
    values = torch.arange(100) / 100
    draw = torch.Generator().manual_seed(0)
    kept = values[ccs_rows(values, keep=14, beta=0.3, strata=7, draw=draw)]
    assert kept.max() < 0.7
    assert torch.histc(kept, bins=7, min=0, max=0.69).tolist() == [2] * 7


def test_ccs_keeps_the_greatest_value_in_the_last_stratum_also_below_zero():
    values = -torch.arange(1, 11).float()
    chosen = ccs_rows(values, keep=10, beta=0.0, strata=5, draw=torch.Generator())
    assert sorted(chosen.tolist()) == list(range(10))


def test_ccs_cuts_less_where_too_few_would_remain():
    kept = ccs_rows(torch.arange(10).float(), keep=9, beta=0.5, strata=3, draw=torch.Generator())
    assert sorted(kept.tolist()) == list(range(9))


def test_what_ccs_was_given_is_noted(blocks):
    scores = scores_of(blocks, torch.rand(18))
    made = rdc.select(blocks, scores, 2, "ccs", beta=0.2, strata=7).provenance
    assert (made["beta"], made["strata"]) == (0.2, 7)
    assert not {"beta", "strata"} & rdc.select(blocks, scores, 2, "easy").provenance.keys()


def test_ccs_of_equal_values_takes_any():
    kept = ccs_rows(torch.zeros(10), keep=4, beta=0.3, strata=50, draw=torch.Generator())
    assert len(set(kept.tolist())) == 4


def test_a_class_too_small_is_named(blocks):
    with pytest.raises(rdc.DataError, match="class '0' has 6 images, 7 are asked"):
        rdc.select(blocks, None, 7, "random")
    lopsided = blocks[torch.arange(16)]
    with pytest.raises(rdc.DataError, match="class '1' has 5 images"):
        rdc.select(lopsided, None, 6, "random")
    with pytest.raises(rdc.DataError, match="at least 1"):
        rdc.select(blocks, None, 0, "random")


@pytest.mark.parametrize("count", [2.5, "2", True, None], ids=str)
def test_a_count_that_is_no_whole_number_is_named(blocks, count):
    with pytest.raises(rdc.DataError, match="per_class must be a whole number of at least 1, got"):
        rdc.select(blocks, None, count, "random")
    assert rdc.select(blocks, None, np.int64(2), "random").provenance["per_class"] == 2


def test_wrong_orders_are_refused(blocks):
    with pytest.raises(ValueError, match="unknown order 'easiest'"):
        rdc.select(blocks, None, 2, "easiest")
    with pytest.raises(ValueError, match="needs scores"):
        rdc.select(blocks, None, 2, "easy")
    with pytest.raises(ValueError, match="0 <= beta < 1"):
        rdc.select(blocks, scores_of(blocks, torch.rand(18)), 2, "ccs", beta=1.0)
    for strata in (0, 2.5, "3"):
        with pytest.raises(ValueError, match="strata must be a whole number of at least 1, got"):
            rdc.select(blocks, scores_of(blocks, torch.rand(18)), 2, "ccs", strata=strata)


def test_an_unbalanced_pool_gives_a_balanced_set():
    pool = colour_blocks(per_class=9)
    lopsided = pool[torch.arange(len(pool)) % 4 != 1]
    assert rdc.select(lopsided, None, 5, "random").counts().tolist() == [5, 5, 5]


@pytest.mark.parametrize(
    ("skip", "expected"), [(0, [0, 1]), (0.5, [5, 6]), (0.9, [8, 9]), (1, [8, 9])]
)
def test_a_window_slides_over_difficulties(skip, expected):
    """Ten images of one class, as hard as their position."""
    pool = rdc.from_tensors(
        torch.zeros(10, 3, 8, 8, dtype=torch.uint8), torch.zeros(10).long(), ("a",)
    )
    scores = Scores("el2n", torch.arange(10.0), pool.row_ids)
    kept = rdc.select(pool, scores, 2, skip=skip)
    assert kept.row_ids.tolist() == expected
    hard = rdc.select(pool, scores, 2, "hard", skip=skip)
    assert hard.row_ids.tolist() == [9 - row for row in expected]
    less = kept.provenance.get("passed_over", skip)  # where fewer than two would remain
    assert less == expected[0] / 10
    assert kept.provenance.get("skip", 0) == skip
    with pytest.raises(ValueError, match="skip must be a share"):
        rdc.select(pool, scores, 2, skip=1.5)


def test_another_kind_of_thing_is_refused(blocks):
    """A tensor in place of scores ended in an AttributeError."""
    with pytest.raises(ValueError, match=r"scores must be of the kind Scores, .* got Tensor"):
        rdc.select(blocks, torch.ones(len(blocks)), 2)
    with pytest.raises(ValueError, match=r"pool must be of the kind ImageSet, such as rdc\.load"):
        rdc.select((blocks, None), None, 2, "random")


def test_a_seed_is_a_whole_number_numpys_too(blocks):
    """Of 1.0 other rows were drawn than of 1."""
    kept = rdc.select(blocks, None, 2, "random", seed=1)
    same = rdc.select(blocks, None, 2, "random", seed=np.int64(1))
    assert same.row_ids.tolist() == kept.row_ids.tolist()
    assert same.provenance == kept.provenance
    for wrong in (1.0, "1", None):
        with pytest.raises(ValueError, match="a seed must be a whole number, got"):
            rdc.select(blocks, None, 2, "random", seed=wrong)
        with pytest.raises(ValueError, match="a seed must be a whole number, got"):
            rdc.combine(blocks, 2, seed=wrong)
