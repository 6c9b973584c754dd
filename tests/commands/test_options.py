"""The command line's grammar: what is left out, and what several values become."""

import pytest

from rdc_kit.commands.options import parser
from rdc_kit.ground.seeds import as_seeds


def test_a_score_has_one_seed_or_several():
    assert parser().parse_args(["score"]).seed == [0]
    assert parser().parse_args(["score", "--seed", "0", "3"]).seed == [0, 3]


def test_select_needs_a_score_file_and_a_place():
    with pytest.raises(SystemExit):
        parser().parse_args(["select", "--out", "x"])
    options = parser().parse_args(["select", "--scores", "s.csv", "--out", "x"])
    assert (options.order, options.ipc, options.metric) == ("easy", 10, "")


def test_the_licence_is_unknown_until_somebody_names_it():
    assert parser().parse_args(["publish", "a", "b"]).license == "unknown"


def test_speed_and_benchmark_have_defaults_for_all():
    assert parser().parse_args(["speed"]).rounds == 3
    assert parser().parse_args(["benchmark"]).ipc == [1, 10]


@pytest.mark.parametrize(
    ("given", "name", "values"),
    [
        (["evidence", "--line", "a", "b", "--line", "c"], "line", ["a", "b", "c"]),
        (["score", "--seed", "1", "--seed", "2"], "seed", [1, 2]),
        (["benchmark", "--ipc", "1", "--ipc", "10", "50"], "ipc", [1, 10, 50]),
        (["speed", "--grid", "digits", "--grid", "cifar10"], "grid", ["digits", "cifar10"]),
    ],
)
def test_an_option_with_several_values_may_be_given_again(given, name, values):
    assert getattr(parser().parse_args(given), name) == values
    assert getattr(parser().parse_args([given[0]]), name) != values


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", [0, 1, 2]), ("3-5", [3, 4, 5]), ("0-0", [0]), ("10", [*range(10)])]
)
def test_seeds_are_a_number_or_a_range(text, seeds):
    options = parser().parse_args(["benchmark", "--seeds", text])
    assert as_seeds(options.seeds) == seeds


@pytest.mark.parametrize("text", ["five", "5-3", "3-", "-3", "1-2-3", "1.5"])
def test_other_seeds_are_refused(text, capsys):
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["benchmark", f"--seeds={text}"])
    assert ended.value.code == 2
    assert repr(text) in capsys.readouterr().err
