"""Growth: every call is made at every size, and its exponent is that of its times."""

from unittest import mock

import pandas as pd
import pytest

from rdc_kit.__main__ import main
from rdc_kit.commands import speed_growth


def test_every_call_can_be_made_small(fresh_home, monkeypatch):
    for name, axis, _, prepare in speed_growth.CASES:
        if name == "doctor":
            continue
        value = {"ipc": 1, "pixels": 64, "classes": 10}.get(axis, 2000 if axis == "rows" else 40)
        if name.startswith("select") and axis == "rows":
            value = 10_000  # ten of each class
        assert prepare(value)() is not None, name


def test_the_exponent_is_of_the_last_two_values():
    assert speed_growth.exponent((1, 10, 100), [5.0, 1.0, 100.0]) == pytest.approx(2)
    assert speed_growth.exponent((1,), [5.0]) == 0


def test_a_call_that_grows_too_fast_is_named(fresh_home, tmp_path, monkeypatch, capsys):
    def measured(case, value):
        return float(value) ** (2 if case else 1), 100.0

    cases = [(name, "rows", (10, 100), None) for name in ("good", "bad")]
    monkeypatch.setattr(speed_growth, "CASES", cases)
    monkeypatch.setattr(speed_growth, "_measured", measured)
    out = tmp_path / "growth.csv"
    assert main(["speed", "--growth", "--rounds", "1", "--out", str(out)]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[0] == "good by rows: 10: 10.00 s, 100: 100.00 s; grows as rows^1.0"
    assert lines[-1] == "speed: 2 calls; faster than their input grow: bad"
    table = pd.read_csv(out)
    assert table["exponent"].tolist() == [1, 1, 2, 2]
    assert table["seconds"].tolist() == [10, 100, 100, 10_000]


def test_a_measurement_has_a_process_of_its_own():
    hashing = [name for name, *_ in speed_growth.CASES].index("fingerprint")
    seconds, megabytes = speed_growth._measured(hashing, 20_000)
    assert seconds > 0
    assert megabytes > 50


@pytest.mark.parametrize(("system", "peak"), [("linux", 200_000), ("darwin", 200_000_000)])
def test_the_peak_is_in_megabytes_wherever_it_is_read(monkeypatch, system, peak):
    monkeypatch.setattr(speed_growth.sys, "platform", system)
    monkeypatch.setattr(speed_growth.resource, "getrusage", lambda who: mock.Mock(ru_maxrss=peak))
    assert speed_growth._peak_megabytes() == 200
