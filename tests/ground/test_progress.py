"""A bar for people, silence for logs, times as people say them."""

import pytest

from rdc_kit.ground.progress import bar, human_time


def test_quiet_when_nobody_watches(capfd, monkeypatch):
    monkeypatch.setenv("RDC_INTERACTIVE", "0")
    assert list(bar(range(3), "training")) == [0, 1, 2]
    assert capfd.readouterr() == ("", "")


def test_a_bar_when_somebody_does(capfd, monkeypatch):
    monkeypatch.setenv("RDC_INTERACTIVE", "1")
    assert list(bar(range(3), "training")) == [0, 1, 2]
    assert "training" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "text"), [(40, "40 s"), (99.6, "100 s"), (720, "12 min"), (12600, "3.5 h")]
)
def test_times_are_said_as_people_say_them(seconds, text):
    assert human_time(seconds) == text
