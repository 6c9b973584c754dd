"""Every protocol by name is the one that was published, and they stand side by side."""

import pytest

import rdc_kit as rdc
from rdc_kit.train import protocols


def test_hard_is_the_released_yaml():
    hard = protocols.hard()
    assert (hard.epochs, hard.optimiser, hard.lr, hard.weight_decay) == (300, "adamw", 1e-3, 0.01)
    assert (hard.mix, hard.cutout, hard.schedule) == ("none", 0.0, "cosine")


def test_the_protocols_stand_side_by_side():
    table = rdc.protocols.side_by_side("hard", "soft", "rded", "gvbsm")
    assert list(table.columns) == ["hard", "soft", "rded", "gvbsm"]
    assert table.loc["labels"].tolist() == ["hard", "soft", "soft", "soft"]
    assert table.loc["loss", "gvbsm"] == "mse"
    assert "weight_decay" not in table.index  # the same in all four
    everything = rdc.protocols.side_by_side()
    assert set(rdc.METHODS) & set(everything.columns) == {
        "sre2l", "cda", "dwa", "lpld", "gvbsm", "rded"
    }  # fmt: skip
    assert everything.loc["source"].notna().all()


@pytest.mark.parametrize(("made", "got"), [(protocols.hard(), "Protocol"), (lambda: 3, "int")])
def test_a_protocol_that_is_no_function_is_refused(monkeypatch, made, got):
    monkeypatch.setitem(protocols.NAMED, "brief", made)
    with pytest.raises(ValueError, match=rf"NAMED\['brief'\] must be a function .* got a {got}"):
        protocols.named("brief")


def test_an_unknown_protocol_is_refused_with_its_near_match():
    with pytest.raises(ValueError, match="unknown protocol 'rdde' - did you mean 'rded'"):
        protocols.named("rdde")
