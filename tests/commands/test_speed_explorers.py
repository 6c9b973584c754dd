"""From a control to its picture: every explorer can be made, and the slowest control is named."""

import pandas as pd
import pytest

from rdc_kit.__main__ import main
from rdc_kit.commands import browsing, speed_explorers


@pytest.mark.parametrize("kind", speed_explorers.EXPLORERS)
def test_every_explorer_can_be_drawn_from_made_up_images(kind, monkeypatch):
    monkeypatch.setenv("RDC_INTERACTIVE", "1")
    box = speed_explorers.made_up_explorer(kind, 32)
    _, told, frame = box.children
    assert told.value == ""
    assert len(frame.children[0].value) > 1000


def test_the_slowest_control_is_named_and_the_table_kept(fresh_home, tmp_path, monkeypatch, capsys):
    def timed(size, rounds, core):
        for control, seconds in (("ranks", 0.1), ("grid", 0.2 if core == "free" else 0.4)):
            row = {"explorer": "composite", "control": control, "core": core, "size": size}
            row |= {
                "moves": rounds,
                "median_s": seconds,
                "worst_s": seconds,
                "load": 1.0,
                "cpu_s": 0.1,
            }
            yield row | {"device": "x", "git": "y", "versions": "z"}

    monkeypatch.setattr(browsing, "missing", lambda: "")
    monkeypatch.setattr(speed_explorers, "_timed", timed)
    out = tmp_path / "table.csv"
    assert main(["speed", "--explorers", "--rounds", "2", "--out", str(out)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == (
        "speed: 2 controls at 224 px; the slowest, 'grid' of the composite explorer, takes 0.40 s "
        "on a busy core (wanted: 0.3)"
    )
    table = pd.read_csv(out)
    assert table.columns.tolist() == speed_explorers.COLUMNS
    assert table["core"].tolist() == ["free", "free", "busy", "busy"]


def test_without_a_browser_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(browsing, "missing", lambda: "selenium is not installed: do this")
    assert main(["speed", "--explorers"]) == 2
    assert capsys.readouterr().err == "speed: selenium is not installed: do this\n"
    assert main(["speed", "--explorers", "--rounds", "0"]) == 2
