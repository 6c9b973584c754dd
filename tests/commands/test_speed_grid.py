"""Runs per hour: both ways are really run, and one run is taken apart."""

import pandas as pd
import pytest

from rdc_kit.__main__ import main
from rdc_kit.commands import speed_grid
from rdc_kit.commands.speed_grid import Case


@pytest.fixture
def quick(monkeypatch):
    cases = [Case("digits", 16, "convnet2-w8", 1, labels, 2) for labels in ("hard", "soft")]
    monkeypatch.setattr(speed_grid, "CASES", cases)


def test_both_ways_are_run_and_rates_are_runs_over_seconds(quick, fresh_home, tmp_path, capsys):
    out = tmp_path / "grid.csv"
    assert (
        main(["speed", "--grid", "digits", "--runs", "3", "--workers", "2", "--out", str(out)]) == 0
    )
    said = capsys.readouterr().out
    assert said.count("with 2 workers, ratio") == 2
    assert said.strip().splitlines()[-1].startswith("speed: 2 grids on CPU")
    table = pd.read_csv(out)
    ratio = table["runs_per_hour_workers"] / table["runs_per_hour_alone"]
    assert ratio.tolist() == pytest.approx(table["ratio"].tolist(), rel=0.01)
    assert (table[["set", "training", "test"]] > 0).all(axis=None)
    trained = list((fresh_home / "data" / "runs" / "train").glob("*/result.json"))
    assert len(trained) == 2 * 2 * 3  # nothing was fetched


@pytest.mark.parametrize(
    ("given", "message"),
    [(["mnist"], "needs datasets of digits"), (["digits", "--runs", "1"], "at least 2 runs")],
)
def test_wrong_calls_are_refused(quick, capsys, given, message):
    assert main(["speed", "--workers", "2", "--grid", *given]) == 2
    assert message in capsys.readouterr().err
