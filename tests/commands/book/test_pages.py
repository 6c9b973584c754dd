"""Pages of the book that are no chapters; and the glossary, as a reader of JupyterLab has it."""

import re

import nbformat
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
network names, grouping, spectrum, PGD, scoring run, skip, fkd, r*, k = ipc"""


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


def test_a_figure_has_a_title_and_facts_as_far_as_they_are_known(tmp_path):
    folder = tmp_path / "figures" / "evidence"
    (folder / "paper").mkdir(parents=True)
    for name in ("speed_grid.png", "paper/orders-digits-32px.png", "paper/orders-digits-32px.csv"):
        (folder / name).write_bytes(b"")
    facts = '{"shows": "Table 6", "git": "abc", "rows_dataset": ["a_b"], "rows_ipc": ["1", "3"]}'
    (folder / "paper" / "orders-digits-32px.json").write_text(facts)
    page = pages.figures_page(folder)
    assert r"## Orders\: a\_b\, 1\, 3 per class" in page
    assert (
        r"Table 6; git abc; [the plotted numbers](figures/evidence/paper/orders-digits-32px.csv)"
        in page
    )
    assert "## Speed grid\n\n![Speed grid](figures/evidence/speed_grid.png)" in page
    assert page.endswith("speed_grid.png)\n")


def test_the_ledger_has_every_line_and_folds_those_that_are_pending(monkeypatch):
    table = ledger(Tables([]), [])
    planned = ["planned", "ipc", "verdict"]
    table.loc[[3, 4], planned] = [[5.0, 10, "holds"], [5.0, 10, "pending"]]
    monkeypatch.setattr(pages, "ledger", lambda results: table)
    page = pages.ledger_page()
    parts = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", page, flags=re.M))
    counts = {name: len(re.findall(r"^\| \[", text, flags=re.M)) for name, text in parts.items()}
    assert counts["What was planned"] == counts["What is pending"] == 1
    assert counts["What else was measured"] == len(table) - 2
    assert (
        "<details><summary>Lines that wait for their rows: 1</summary>\n\n````{container}"
        in parts["What is pending"]
    )


def test_the_findings_are_as_they_are_kept_but_for_the_tables_print():
    told = pages.findings_page("before\n\n<!-- ledger -->\n| a |\n<!-- ledger -->\n\nafter\n")
    assert told.startswith("before\n\n<!-- ledger -->\n````{container} ledger\n| a |\n````\n<!--")
    assert told.endswith("-->\n\nafter\n")
