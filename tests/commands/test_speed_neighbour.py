"""A training beside a busy program: every way is timed, the neighbour is busy and ends."""

import pandas as pd
import psutil
import pytest

from rdc_kit.__main__ import main
from rdc_kit.commands import speed_neighbour


def test_each_way_is_compared_with_itself_when_quiet():
    rows = [("before", 2, False, 1.0), ("now", 1, False, 2.0)]
    rows += [("before", 2, True, 6.0), ("now", 1, True, 2.2)]
    assert speed_neighbour.compared(rows)["times"].tolist() == [1, 1, 6, 1.1]


def test_all_ways_are_timed_and_kept(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(speed_neighbour, "EPOCHS", 2)
    monkeypatch.setattr(speed_neighbour, "STUDENT", "convnet2-w8")
    out = tmp_path / "neighbour.csv"
    assert main(["speed", "--neighbour", "--rounds", "1", "--out", str(out)]) == 0
    table = pd.read_csv(out)
    assert table["way"].tolist() == ["before", "now", "now"] * 2
    assert table["neighbour"].tolist() == [False] * 3 + [True] * 3
    assert (table["seconds"] > 0).all()
    assert "speed: a training beside a busy program, on CPU" in capsys.readouterr().out


def test_the_neighbour_is_busy_and_ends():
    with speed_neighbour.neighbour() as process:
        seen = psutil.Process(process.pid)
        before = seen.cpu_times().user
        while seen.cpu_times().user < before + 0.2:
            assert seen.is_running()
    assert not seen.is_running()


def test_no_rounds_are_refused(capsys):
    with pytest.raises(ValueError, match="rounds must be a whole number of at least 1"):
        speed_neighbour.speed_neighbour(rounds=0)
