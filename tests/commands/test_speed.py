"""The verb speed: a ratio, and the rounds behind it."""

from unittest import mock

import pandas as pd
import pytest
import torch

from rdc_kit.__main__ import main
from rdc_kit.commands import speed


@pytest.mark.parametrize("verb", ["speed", "bench"])
def test_speed_prints_a_ratio_and_keeps_the_rounds(tmp_path, capsys, monkeypatch, verb):
    monkeypatch.setattr(speed, "startup_line", lambda *rounds, **more: "import rdc_kit 1 s")
    out = tmp_path / "bench.csv"
    call = [verb, "--size", "16", "--student", "convnet2-w8", "--batch", "16", "--rounds", "1"]
    assert main([*call, "--out", str(out)]) == 0
    told = capsys.readouterr().out.strip().splitlines()
    assert told[0] == "import rdc_kit 1 s"
    assert "ratio " in told[-1]
    table = pd.read_csv(out)
    assert list(table["loop"]) == ["plain, 0 workers", "plain, 2 workers", "rdc_kit"]
    assert list(table.columns) == speed.COLUMNS
    assert (table["images_per_second"] > 0).all()


def test_the_ratio_is_against_the_faster_plain_loop(capsys):
    rates = {"plain, 0 workers": [10, 11, 30], "plain, 2 workers": [20, 19, 21]}
    rates["rdc_kit"] = [50, 70, 40]
    facts = {"student": "convnet2", "size": 16, "batch": 4, "device": "a CPU"}
    rows = [{"loop": k, "images_per_second": v} | facts for k, vs in rates.items() for v in vs]
    speed._report(pd.DataFrame(rows))
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == "ratio 2.50 against 'plain, 2 workers': convnet2 at 16 px, batch 4, a CPU"


def test_no_rounds_are_refused(capsys):
    with pytest.raises(ValueError, match="rounds must be a whole number of at least 1, got 0"):
        speed.speed(rounds=0)
    assert capsys.readouterr().out == ""


def test_the_plain_loop_computes_as_torch_does(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)  # as the kit does on a GPU
    with speed._as_torch_computes():
        assert torch.backends.cudnn.allow_tf32
    assert not torch.backends.cudnn.allow_tf32


def test_loader_processes_without_shared_memory_are_left_out(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(speed, "_SHARED", tmp_path)
    monkeypatch.setattr(speed.shutil, "disk_usage", lambda path: mock.Mock(free=64 * 10**6))
    assert speed._loaders(16, 64) == (0, 2)
    assert capsys.readouterr().err == ""
    assert speed._loaders(128, 224) == (0,)
    assert "has 64 MB free, 2 loader processes need 385" in capsys.readouterr().err
    monkeypatch.setattr(speed, "_SHARED", tmp_path / "missing")  # no Linux
    assert speed._loaders(128, 224) == (0, 2)
