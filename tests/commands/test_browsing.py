"""What a program needs to look at JupyterLab; the looking itself is in tests/test_browser.py."""

import builtins
import shutil

import pytest

from rdc_kit.commands import browsing


def test_what_is_missing_is_named_with_its_remedy(monkeypatch):
    real = builtins.__import__

    def without_selenium(name, *more):
        if name.startswith("selenium"):
            raise ImportError(name)
        return real(name, *more)

    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(builtins, "__import__", without_selenium)
    assert "`pip install selenium`" in browsing.missing()
    monkeypatch.undo()
    pytest.importorskip("selenium")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "chromium and chromedriver" in browsing.missing()
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert browsing.missing() == ""


def test_waiting_ends_with_the_answer_or_says_what_was_awaited():
    answers = iter([None, 0, "there"])
    assert browsing.wait_until(lambda: next(answers), 10, "an answer") == "there"
    with pytest.raises(TimeoutError, match="waited 1 s for a kernel"):
        browsing.wait_until(lambda: False, 1, "a kernel")
