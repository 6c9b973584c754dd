"""A bar for people, silence for logs."""

from rdc_kit.ground.progress import bar


def test_quiet_when_nobody_watches(capfd, monkeypatch):
    monkeypatch.setenv("RDC_INTERACTIVE", "0")
    assert list(bar(range(3), "training")) == [0, 1, 2]
    assert capfd.readouterr() == ("", "")


def test_a_bar_when_somebody_does(capfd, monkeypatch):
    monkeypatch.setenv("RDC_INTERACTIVE", "1")
    assert list(bar(range(3), "training")) == [0, 1, 2]
    assert "training" in capfd.readouterr().err
