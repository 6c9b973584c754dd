"""The command line's grammar: what is left out, and what several values become."""

import pytest

from rdc_kit.commands.options import parser


def test_a_score_has_one_seed_or_several():
    assert parser().parse_args(["score"]).seed == [0]
    assert parser().parse_args(["score", "--seed", "0", "3"]).seed == [0, 3]


def test_select_needs_a_place():
    with pytest.raises(SystemExit):
        parser().parse_args(["select", "--scores", "s.csv"])
    options = parser().parse_args(["select", "--scores", "s.csv", "--out", "x"])
    assert (options.order, options.ipc, options.metric) == ("easy", 10, "")


def test_the_licence_is_unknown_until_somebody_names_it():
    assert parser().parse_args(["publish", "a", "b"]).license == "unknown"


def test_speed_and_benchmark_have_defaults_for_all():
    assert parser().parse_args(["speed"]).rounds == 3
    assert parser().parse_args(["benchmark"]).ipc == [1, 10]
