"""A small book: the real notebooks, two of them run, and one that means harm; then its pages."""

import base64
import contextlib
import html
import io
import re
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from nbformat import v4

import rdc_kit as rdc
from rdc_kit.__main__ import main
from rdc_kit.commands import finished
from rdc_kit.commands.book import build, chapters, pages
from rdc_kit.ground import files, store
from rdc_kit.ground.folders import notebooks_dir
from rdc_kit.study.verdicts.ledger import ledger
from rdc_kit.study.verdicts.ledger_text import MARK
from rdc_kit.study.verdicts.tables import Tables

# What Sphinx and its extensions have to tell each other.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::PendingDeprecationWarning"
)
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)
HARM = "<script>alert('x')</script> & 2 * 3 | `y"
CLASS = "<img src=x onerror=alert(1)>"
LEDGER = "| claim | says |\n|---|---|\n| [C1](01_soft_vs_hard_labels.ipynb#The-measurement) | so |"
VIEW = "application/vnd.jupyter.widget-view+json"
OUTPUTS = [
    v4.new_output("display_data", data={"image/png": PIXEL, "text/plain": "Figure"}),
    v4.new_output("display_data", data={VIEW: {"model_id": "m"}, "text/plain": "VBox()"}),
    v4.new_output("display_data", data={"application/javascript": "alert(2)"}),
    v4.new_output("display_data", data={"text/markdown": LEDGER, "text/plain": "Markdown"}),
    v4.new_output("stream", name="stdout", text=f"ImageSet({CLASS})"),
    v4.new_output("stream", name="stderr", text="0%| a bar that stayed"),
]


def run_of(home, name, content, **setting):
    """Put an executed copy of a notebook among the finished runs."""
    folder = home / "data" / "runs" / "notebooks" / f"{name}-1"
    folder.mkdir(parents=True)
    content.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
    nbformat.write(content, folder / f"{name}.ipynb")
    setting = {"dataset": "digits", "size": 32, "profile": "small"} | setting
    facts = {"name": name, "status": "ok", "ended": "2026-01-03T11:30:59+00:00", "seconds": 3.0}
    files.write_json(folder / "manifest.json", {**facts, "git": "abc", "setting": setting})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of the book; what was said, and what went wrong."""
    pytest.importorskip("furo", reason="furo is not installed")
    folder = tmp_path_factory.mktemp("book")
    home, notebooks = folder / "home", folder / "notebooks"
    shutil.copytree(notebooks_dir(), notebooks)
    content = nbformat.read(notebooks / "00_start_here.ipynb", as_version=4)
    content.cells[5].outputs = OUTPUTS if content.cells[5].cell_type == "code" else []
    content.cells[4].outputs = OUTPUTS if content.cells[4].cell_type == "code" else []
    run_of(home, "00_start_here", content, dataset=f"folder:{HARM}")
    words = "[a word](glossary.md#soft-label), [cells](00_start_here.ipynb#The-measurement), $x^2$"
    evil = v4.new_notebook(cells=[v4.new_markdown_cell(f"# {HARM}\n\n**Why?** {words}")])
    nbformat.write(evil, notebooks / "12_evil.ipynb")
    run_of(home, "12_evil", evil, profile="smoke")
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setenv("RDC_HOME", str(home))
        for module in (finished, chapters, build):
            patch.setattr(module, "notebooks_dir", lambda: notebooks)
        # The real one takes as long as all the rest; this one has a link to every table's heading.
        patch.setattr(pages, "ledger", lambda _: ledger(Tables([]), []))
        out = stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        err = stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        code = main(["book"])
    return home / "data" / "book", code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def site(made):
    """Place of each page in the book -> its text."""
    return {str(p.relative_to(made[0])): p.read_text() for p in made[0].rglob("*.html")}


def test_sphinx_finds_no_fault_in_what_is_committed(made):
    folder, code, out, err = made
    assert err == ""
    assert code == 0
    count = len(list(notebooks_dir().glob("[0-9]*.ipynb"))) + 1
    assert out.endswith(f"book: {count} notebooks, 2 with results; open {folder / 'index.html'}\n")
    assert "\n01_soft_vs_hard_labels: not run here yet\n" in out
    assert "12_evil: digits at 32 px · profile smoke · 2026-01-03 11:30 UTC" in out


def test_every_link_inside_the_book_leads_to_something(made, site):
    ids = {name: set(re.findall(r'\bid="([^"]+)"', html.unescape(t))) for name, t in site.items()}
    broken, seen = [], 0
    for name, text in site.items():
        for link in re.findall(r'\b(?:href|src)="([^"]+)"', text):
            parts = urlsplit(html.unescape(link))
            if parts.scheme in ("http", "https", "data") or link == "#":
                continue
            seen += 1
            target = (made[0] / name).parent / unquote(parts.path) if parts.path else made[0] / name
            place = str(target.resolve().relative_to(made[0].resolve()))
            if not target.is_file() or (
                parts.fragment and place in ids and unquote(parts.fragment) not in ids[place]
            ):
                broken.append((name, link))
    assert seen > 1000
    assert broken == []


def test_nothing_is_fetched(made, site):
    assert len(site) > 30
    outside = r"""(?:https?:)?//"""
    for name, text in site.items():
        tags = re.findall(r"<(?:script|link|img|iframe|source|video|object|use)\b[^>]*>", text)
        assert not [t for t in tags if re.search(rf"""(?:src|href|data)=["']?{outside}""", t)], name
        assert "@import" not in text
    for path in [*made[0].rglob("*.css"), *made[0].rglob("*.js")]:
        text = path.read_text()
        assert not re.search(rf"""(?:@import|url\()\s*["']?{outside}""", text), path
        assert not re.search(rf"""(?:import\(|\.src\s*=|fetch\()\s*["']{outside}""", text), path


def test_the_search_works_without_a_server(made):
    index = (made[0] / "searchindex.js").read_text()
    assert index.startswith("Search.setIndex(")
    assert '"composit"' in index or "composit:" in index
    assert "searchindex.js" in (made[0] / "search.html").read_text()


def test_a_chapter_shows_its_figure_and_nothing_that_needs_a_kernel(made, site):
    page = site["notebooks/00_start_here.html"]
    shown = [made[0] / "notebooks" / src for src in re.findall(r'<img[^>]+src="([^"]+)"', page)]
    assert base64.b64decode(PIXEL) in [path.resolve().read_bytes() for path in shown]
    for gone in ("VBox()", "model_id", "alert(2)", "a bar that stayed", "requirejs"):
        assert gone not in page
    assert '<details class="admonition hide above-input">' in page
    assert "Not run here yet" not in page
    assert "Not run here yet" in site["notebooks/01_soft_vs_hard_labels.html"]


def test_names_that_mean_harm_stay_text(site):
    for name in ("index.html", "notebooks/12_evil.html", "notebooks/00_start_here.html"):
        page = site[name]
        assert "<script>alert(" not in page
        assert html.escape(HARM.partition("'")[0]) in page
        assert "<img src=x" not in page
    assert html.escape(CLASS) in site["notebooks/00_start_here.html"]
    evil = site["notebooks/12_evil.html"]
    assert "numbers mean nothing" in evil
    assert re.search(r"<h1>(.*?)<a", evil)[1] == html.escape(HARM, quote=False)


def test_words_headings_and_formulas_are_what_a_link_says(site):
    evil = site["notebooks/12_evil.html"]
    assert re.search(r'<a[^>]* href="glossary.html#term-soft-label">.*?a word', evil)
    assert re.search(r'<a[^>]* href="00_start_here.html#the-measurement">.*?cells', evil)
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML">' in evil
    assert 'href="00_start_here.html#the-measurement"' in site["notebooks/ledger.html"]
    printed = 'href="01_soft_vs_hard_labels.html#the-measurement"'  # in a table that code made
    assert printed in site["notebooks/00_start_here.html"]


def test_every_public_name_leads_to_its_room(site):
    page = site["api/index.html"]
    for name in rdc.__all__:
        links = re.findall(rf'href="([^"]+)"[^>]*><code[^>]*><span[^>]*>rdc\.{name}</span>', page)
        assert len(links) == 1, name
    assert 'href="data.html#rdc_kit.data.loading.load"' in page


def test_a_link_that_leads_nowhere_is_told(tmp_path):
    pytest.importorskip("furo", reason="furo is not installed")
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "index.md").write_text("# A\n\n[x](#nowhere) [y](other.ipynb)\n")
    told = build.run_sphinx(tmp_path / "pages", tmp_path / "out", tmp_path / "trees")
    # Built after another one in the same process, Sphinx also says that it knows its parts already.
    first, second = [line for line in told if line.startswith("index.md")]
    assert first.startswith("index.md:3: WARNING:") and "'nowhere'" in first
    assert second.startswith("index.md:3: WARNING:") and "other.ipynb" in second
    assert (tmp_path / "out" / "index.html").is_file()


def test_locks_and_notes_of_a_mac_are_no_part_of_a_book(tmp_path, monkeypatch):
    notebooks = tmp_path / "notebooks"
    shutil.copytree(notebooks_dir(), notebooks)
    (notebooks / "._glossary.md").write_bytes(b"\xff")  # it was read as a text
    monkeypatch.setattr(build, "notebooks_dir", lambda: notebooks)
    evidence = tmp_path / "evidence"
    (evidence / store.LOCKS / "campaign-x.csv").mkdir(parents=True)
    (evidence / "findings.md").write_text(f"{MARK}\n{MARK}\n")
    monkeypatch.setattr(build, "evidence_dir", lambda: evidence)
    monkeypatch.setattr(pages, "ledger", lambda _: ledger(Tables([]), []))
    build.write_sources(tmp_path / "book", [])
    assert [p.name for p in (tmp_path / "book/data/evidence").iterdir()] == ["findings.md"]
    assert not (tmp_path / "book/notebooks/._glossary.md").exists()


def test_a_book_of_nothing_that_ran_says_so(fresh_home, tmp_path, monkeypatch, capsys):
    pytest.importorskip("furo", reason="furo is not installed")
    monkeypatch.setattr(build, "write_sources", lambda folder, told: None)
    monkeypatch.setattr(build, "run_sphinx", lambda folder, out, trees: out.mkdir() or ["a fault"])
    assert main(["book", "--out", str(tmp_path / "book")]) == 1
    told = capsys.readouterr()
    *_, before, last = told.out.splitlines()
    assert before.endswith("yet: `make study` runs them all")
    assert " 0 with results; open " in last
    assert told.err == "book: a fault\n"
    assert (tmp_path / "book").is_dir()


def test_a_folder_of_something_else_is_not_replaced(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("kept")
    assert main(["book", "--out", str(tmp_path)]) == 2
    assert "is not a book: choose a folder that is empty or not there" in capsys.readouterr().err
    assert (tmp_path / "mine.txt").read_text() == "kept"


@pytest.mark.parametrize("missing", ["furo", "myst_nb"])
def test_without_sphinx_it_says_what_to_install(missing, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, missing, None)
    assert main(["book", "--out", str(tmp_path / "book")]) == 1
    told = "book: it is made by Sphinx: `pip install furo myst-nb` first\n"
    assert capsys.readouterr().err == told
    assert not Path(tmp_path / "book").exists()
