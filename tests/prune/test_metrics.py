"""The registry of scores: which are the kit's."""

from dataclasses import replace

from rdc_kit.prune.metrics import METRICS, score_code


def test_the_kits_scores_have_no_code_and_anything_else_has(monkeypatch):
    assert [score_code(name) for name in METRICS] == [[]] * 4
    assert score_code("no such score") == []
    monkeypatch.setitem(METRICS, "mine", replace(METRICS["aum"], epochs=2))
    monkeypatch.setitem(METRICS, "other", replace(METRICS["el2n"], epochs=2))
    codes = [score_code("mine"), score_code("other")]
    assert len({code for (code,) in codes}) == 2
    monkeypatch.setitem(METRICS, "el2n", METRICS["aum"])
    assert score_code("el2n") == codes[0]  # the same formula, whatever its name and length
