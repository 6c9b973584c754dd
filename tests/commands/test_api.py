"""The verb api: pages from the docstrings, and one line where pdoc is not there."""

import sys

import pytest

import rdc_kit as rdc
from rdc_kit.__main__ import main
from rdc_kit.commands import api


def test_without_pdoc_it_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pdoc", None)
    assert main(["api", "--out", str(tmp_path / "api")]) == 1
    assert capsys.readouterr().err == "api: the pages are made by pdoc: `pip install pdoc` first\n"
    assert not (tmp_path / "api").exists()


def test_every_module_has_a_page(tmp_path, capsys):
    pytest.importorskip("pdoc", reason="pdoc is not installed")
    out = tmp_path / "api"
    out.mkdir()
    (out / "old.html").write_text("of an older version")
    assert main(["api", "--out", str(out)]) == 0
    made = {str(path.relative_to(out).with_suffix("")) for path in out.rglob("*.html")}
    assert {name.replace(".", "/") for name in api._modules()} <= made
    assert {"index", "rdc_kit"} <= made
    assert "old" not in made
    assert capsys.readouterr().out.startswith(f"api: {len(api._modules())} modules, open ")
    page = (out / "rdc_kit.html").read_text()
    assert all(name in page for name in rdc.__all__)


def test_modules_are_named_as_they_are_imported():
    found = api._modules()
    assert {"rdc_kit.combine", "rdc_kit.study.grid.arms", "rdc_kit.train.labels"} <= set(found)
    assert not any(name.endswith(("__init__", "__main__")) for name in found)
