"""Steps one by one and replayed: each way is timed as asked, and nothing without a GPU."""

import os

import pandas as pd
import pytest
import torch

from rdc_kit.__main__ import main
from rdc_kit.commands import speed_replay
from rdc_kit.ground.device import Runtime
from rdc_kit.train.training import Fitted

CASE = speed_replay.Case("convnet2-w8", 32, 20, 10, 4)


@pytest.fixture
def asked(monkeypatch):
    """Trainings that take no time of their own; what RDC_REPLAY was in each."""
    seen = []

    def fit(images, protocol, student, seed, runtime):
        seen.append(os.environ["RDC_REPLAY"])
        seconds = 2.0 if seen[-1] == "0" else 0.5
        steps = protocol.epochs * len(images) // protocol.batch
        return Fitted(None, [0.0], steps, protocol.batch, steps * protocol.batch, seconds)

    runtime = Runtime(torch.device("cuda"), "bf16", channels_last=True)
    monkeypatch.setattr(speed_replay, "fit", fit)
    monkeypatch.setattr(speed_replay, "choose_runtime", lambda device: runtime)
    monkeypatch.setattr(speed_replay, "device_name", lambda device: "a GPU")
    return seen


def test_both_ways_are_timed_in_turn_and_kept(asked, tmp_path, capsys):
    table = tmp_path / "replay.csv"
    speed_replay.speed_replay(rounds=2, out=table, cases=[CASE])
    assert asked == ["0", "1"] * 3  # the first round is not counted
    rows = pd.read_csv(table)
    assert rows.groupby("way")["ms_per_step"].first().to_dict() == {
        "one by one": 500.0,
        "replayed": 125.0,
    }
    assert (rows["images_per_second"] * rows["ms_per_step"] == 10_000).all()
    said = capsys.readouterr().out
    assert "500.00 ms a step, 125.00 replayed, ratio 4.00" in said


def test_without_a_gpu_it_says_so(capsys):
    assert main(["speed", "--replay", "--device", "cpu"]) == 2
    assert "needs a CUDA GPU" in capsys.readouterr().err
    assert main(["speed", "--replay", "--rounds", "0"]) == 2
