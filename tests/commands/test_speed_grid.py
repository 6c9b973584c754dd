"""Runs per hour: both ways are really run, and one run is taken apart."""

import pandas as pd
import pytest

from rdc_kit.__main__ import main
from rdc_kit.commands import speed_grid
from rdc_kit.commands.speed_grid import Case
from rdc_kit.study.figures.speed import PARTS


@pytest.fixture
def quick(monkeypatch):
    cases = [Case("digits", 16, "convnet2-w8", 1, labels, 2, 3) for labels in ("hard", "soft")]
    monkeypatch.setattr(speed_grid, "CASES", cases)


def test_both_ways_are_run_and_rates_are_runs_over_seconds(quick, fresh_home, tmp_path, capsys):
    out = tmp_path / "grid.csv"
    assert main(["speed", "--grid", "digits", "--workers", "2", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert said.count("(2 processes of ") == 2
    assert said.strip().splitlines()[-1].startswith("speed: 2 grids on CPU")
    table = pd.read_csv(out)
    assert table["way"].tolist() == ["before", "now"] * 2
    before, now = (table[table["way"] == way].reset_index() for way in ("before", "now"))
    ratios = now["runs_per_hour"] / before["runs_per_hour"]
    assert ratios.tolist() == pytest.approx(now["ratio"].tolist(), rel=0.05)
    assert (table["runs_per_hour"] * table["took"] / 3600).tolist() == pytest.approx([3] * 4, 0.1)
    assert (table["planned"] > 0).all()
    assert (table[[p for p in PARTS if p != "between"]] > 0).all(axis=None)
    assert out.with_suffix(".png").is_file()
    trained = list((fresh_home / "data" / "runs" / "train").glob("*/result.json"))
    assert len(trained) == 2 * 2 * 3  # nothing was fetched


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["mnist"], "unknown dataset of speed --grid 'mnist'"),
        (["digits", "--runs", "-1"], "at least one run"),
    ],
)
def test_wrong_calls_are_refused(quick, capsys, given, message):
    assert main(["speed", "--workers", "2", "--grid", *given]) == 2
    assert message in capsys.readouterr().err
