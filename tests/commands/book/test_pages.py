"""Pages of the book that are no chapters; and the glossary, as a reader of JupyterLab has it."""

import re

import nbformat
import pandas as pd
import pytest

from rdc_kit.commands.book import pages
from rdc_kit.commands.finished import headings_of
from rdc_kit.ground.folders import notebooks_dir
from rdc_kit.study.verdicts.ledger import ledger
from rdc_kit.study.verdicts.tables import Tables

GLOSSARY = """# Words

## Sets

### ipc

Images per class,
as stored.

### soft label

What a teacher says.
"""
WANTED = """ipc, hard label, soft label, teacher, student, observer, squeeze, recover, relabel,
EL2N, Forgetting, AUM, CCS, RDED, SRe2L, CDA, G-VBSM, LPLD, DWA, PCA, composite, cell, view, pool,
patch extraction, patch shuffling, Cutout, Mixup, CutMix, KL, NLL, entropy, protocol, replicate,
frozen layer, Holm, t-interval, anchor, hlr, ior, lrs, verdict, effect, ledger, short names,
network names, grouping, spectrum, PGD, scoring run, skip, fkd, r*, k = ipc, nats, batch, step,
DD-Ranking, DeepCore, data-scaling law, reversed EL2N, crop-free"""


@pytest.fixture(scope="module")
def glossary():
    return (notebooks_dir() / "glossary.md").read_text()


def test_each_word_becomes_a_term():
    assert pages.words_of(GLOSSARY) == {"ipc": "ipc", "soft-label": "soft label"}
    made = pages.as_glossary(GLOSSARY)
    assert "```{glossary}\nipc\n  Images per class,\n  as stored.\n```" in made
    assert "### " not in made
    assert made.startswith("# Words\n\n## Sets\n")


def test_an_anchor_is_jupyterlabs_and_safe_in_html():
    assert pages.anchor("Figure 3: every method's set") == "Figure-3:-every-method's-set"
    assert pages.anchor('a "b" <c>') == "a-b-c"


def test_the_glossary_has_every_word_once_in_a_sentence_or_two(glossary):
    words = set(pages.words_of(glossary).values())
    assert set(re.split(r",\s+", WANTED)) - words == set()
    assert len(re.findall(r"^### ", glossary, flags=re.M)) == len(words)
    for explained in re.split(r"^### .*\n", glossary, flags=re.M)[1:]:
        assert len(explained.partition("\n## ")[0]) < 400
        assert ".ipynb" in explained, explained


def test_the_glossary_leads_to_headings_that_are_there(glossary):
    for name, heading in re.findall(r"\]\((\w+\.ipynb)(?:#([^\s)]+))?\)", glossary):
        content = nbformat.read(notebooks_dir() / name, as_version=4)
        known = {pages.anchor(text) for _, text in headings_of(content)}
        assert not heading or heading in known, (name, heading)


def test_every_module_but_the_command_line_has_its_place():
    found = pages.modules()
    assert {"rdc_kit.combine", "rdc_kit.study.grid.arms", "rdc_kit.train.labels"} <= set(found)
    assert not any("__" in name or ".commands." in name for name in found)
    shown = dict(pages.api_pages())
    assert {"index", "combine", "study.grid", "train"} <= shown.keys()
    assert sum(text.count("automodule::") for text in shown.values()) == len(found)


def test_what_a_mac_notes_beside_a_module_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "PACKAGE", tmp_path / "rdc_kit")
    (tmp_path / "rdc_kit").mkdir()
    for name in ("combine.py", "._combine.py"):
        (tmp_path / "rdc_kit" / name).touch()
    assert pages.modules() == ["rdc_kit.combine"]


def test_the_ledger_has_every_line_and_folds_those_that_are_pending(monkeypatch):
    table = ledger(Tables([]), [])
    planned = ["planned", "ipc", "verdict"]
    table.loc[[3, 4], planned] = [[5.0, 10, "holds"], [5.0, 10, "pending"]]
    monkeypatch.setattr(pages, "ledger", lambda results: table)
    page = pages.ledger_page()
    parts = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", page, flags=re.M))
    lines = {name: re.findall(r"^\| .*", text, flags=re.M) for name, text in parts.items()}
    counts = {name: len(found) - text_tables(parts[name]) for name, found in lines.items()}
    assert counts["What was planned"] == counts["What is pending"] == 1
    assert counts["What else was measured"] == len(table) - 2
    claim, says = table.loc[4, ["claim", "says"]]
    start = f"<details><summary>Lines that wait for their rows: 1</summary>\n\n**{claim}**: {says}"
    assert start in parts["What is pending"]
    assert "###" not in parts["What is pending"]  # a section that begins in a fold ends outside


def text_tables(text):
    """Lines of heads, and those below them, in Markdown."""
    return 2 * len(re.findall(r"^\| ---", text, flags=re.M))


def test_the_ledger_says_each_claim_once_above_its_rows(monkeypatch):
    table = ledger(Tables([]), [])
    many = pd.concat([table[table["claim"] == "C5"]] * 3 + [table[table["claim"] == "C9"]])
    many[["planned", "verdict", "effect"]] = [5.0, "holds", "el2n - random"]
    monkeypatch.setattr(pages, "ledger", lambda results: many)
    page = pages.ledger_page()
    assert re.findall(r"^### (.*)", page, flags=re.M) == ["C5", "C9"]
    assert page.count("the easiest by EL2N beat random at small ipc") == 1
    assert page.count("| el2n - random | holds |") == 4


def test_the_findings_are_as_they_are_kept_but_for_the_tables_print():
    told = pages.findings_page("before\n\n<!-- ledger -->\n| a |\n<!-- ledger -->\n\nafter\n")
    assert told.startswith("before\n\n<!-- ledger -->\n````{container} ledger\n| a |\n````\n<!--")
    assert told.endswith("-->\n\nafter\n")
