"""The command line's grammar: what is left out, and what several values become."""

from importlib import import_module

import pytest

from rdc_kit.commands.options import SPEED_JOBS, SPEED_TABLES, parser
from rdc_kit.ground.folders import evidence_dir


def test_a_score_has_one_seed_or_several():
    assert parser().parse_args(["score"]).seed == [0]
    assert parser().parse_args(["score", "--seed", "0", "3"]).seed == [0, 3]


def test_select_needs_a_place():
    with pytest.raises(SystemExit):
        parser().parse_args(["select", "--scores", "s.csv"])
    options = parser().parse_args(["select", "--scores", "s.csv", "--out", "x"])
    assert (options.order, options.ipc, options.metric) == ("easy", 10, "")


@pytest.mark.parametrize("verb", ["doctor", "compress", "score", "select", "speed", "benchmark"])
def test_the_help_says_what_size_makes_of_photographs(verb, capsys):
    """They were made 64 px, and their edges cut off, which only a docstring told."""
    with pytest.raises(SystemExit):
        parser().parse_args([verb, "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert "what is at the edge of the longer one is cut off" in told
    assert "squares of one size up to 224, else 64" in told


def test_the_licence_is_unknown_until_somebody_names_it():
    assert parser().parse_args(["publish", "a", "b"]).license == "unknown"


def test_speed_and_benchmark_have_defaults_for_all():
    assert parser().parse_args(["speed"]).rounds == 3
    assert parser().parse_args(["benchmark"]).ipc == [1, 10]


@pytest.mark.parametrize("job", SPEED_JOBS)
def test_each_job_of_speed_has_a_function_of_its_name_and_knows_its_own_table(job):
    name = f"speed_{job}" if job else "speed"
    assert callable(getattr(import_module(f"rdc_kit.commands.{name}"), name))
    pattern = f"speed-{job}*.csv" if job else "speed-resnet18-*.csv"
    assert SPEED_TABLES.keys() == SPEED_JOBS.keys()
    tables = list(evidence_dir().glob(pattern))
    assert tables
    assert all(path.read_text().startswith(SPEED_TABLES[job]) for path in tables)
