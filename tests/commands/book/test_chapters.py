"""Chapters: which run is shown, what its page says of it, and text that stays text."""

import base64
import html
import re
from unittest import mock

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat import v4

from rdc_kit.commands.book import chapters
from rdc_kit.ground import files

WORDS = {"ipc": "ipc", "soft-label": "soft label"}


@pytest.fixture
def folder(tmp_path):
    """A folder with one notebook, 00_one, whose text shows a picture."""
    source = tmp_path / "notebooks"
    source.mkdir()
    (source / "a.png").write_bytes(b"png")
    cells = [v4.new_markdown_cell("# One\n\n**Why?** ![x](a.png)"), v4.new_code_cell("1")]
    content = v4.new_notebook(cells=cells, metadata={"rdc": {"minutes": 2.5}})
    nbformat.write(content, source / "00_one.ipynb")
    return source


def ran(home, source, profile="small", text=None):
    """A finished run of it."""
    content = nbformat.read(source / "00_one.ipynb", as_version=4)
    content.metadata["papermill"] = {"input_path": str(source / "00_one.ipynb")}
    content.cells[0].source = text or content.cells[0].source
    given_parameters = v4.new_code_cell("x = 1", metadata={"tags": ["injected-parameters"]})
    content.cells.insert(1, given_parameters)
    run = home / "data" / "runs" / "notebooks" / f"00_one-{profile}"
    run.mkdir(parents=True)
    nbformat.write(content, run / "00_one.ipynb")
    ended = {"ended": "2026-01-03T11:30:59+00:00", "seconds": 3.0, "git": "abc"}
    setting = {"dataset": "folder:/x/<b>`", "size": 32, "profile": profile}
    facts = {"name": "00_one", "status": "ok", "setting": setting}
    files.write_json(run / "manifest.json", facts | ended)


def page(source, tmp_path):
    """The sources of the cells that Sphinx gets."""
    with mock.patch.object(chapters, "notebooks_dir", return_value=source):
        (chapter,) = chapters.chapters()
    out = tmp_path / "pages"
    out.mkdir()
    chapters.write_chapter(chapter, out, WORDS)
    return chapter, nbformat.read(out / "00_one.ipynb", as_version=4).cells


def test_a_notebook_that_was_not_run_says_how_to_run_it(fresh_home, folder, tmp_path):
    chapter, cells = page(folder, tmp_path)
    assert chapter.run is None
    assert (chapter.title, chapter.question, chapter.minutes) == ("One", "Why?", 2.5)
    assert cells[0].source.startswith("# One\n\n```{note}\nNot run here yet")
    assert "`rdc run notebooks/00_one.ipynb`" in cells[0].source
    assert "# One" not in cells[1].source


def test_a_run_says_what_it_was_and_only_a_smoke_run_that_it_means_nothing(
    fresh_home, folder, tmp_path
):
    ran(fresh_home, folder)
    chapter, cells = page(folder, tmp_path)
    assert not chapter.changed
    assert chapters.escaped(chapter.run.line()) in cells[0].source
    assert "mean nothing" not in cells[0].source
    assert [c.metadata.get("tags") for c in cells[2:]] == [["hide-input"]]


def test_code_that_shows_nothing_is_in_one_fold_with_what_it_leads_to(fresh_home, folder, tmp_path):
    content = nbformat.read(folder / "00_one.ipynb", as_version=4)
    said = [v4.new_output("stream", text="said")]
    content.cells += [
        v4.new_code_cell("2", outputs=said),
        v4.new_code_cell("3", outputs=said),
        v4.new_code_cell("4"),
        v4.new_markdown_cell("text"),
        v4.new_code_cell("5"),
        v4.new_code_cell("6", metadata={"tags": ["exercise"]}),
        v4.new_code_cell("7"),
    ]
    nbformat.write(content, folder / "00_one.ipynb")
    _, cells = page(folder, tmp_path)
    shown = [(cell.source, len(cell.get("outputs", []))) for cell in cells[2:]]
    assert shown == [("1\n\n2", 1), ("3", 1), ("4", 0), ("text", 0), ("5", 0), ("6", 0), ("7", 0)]


def test_a_chapter_tells_no_folders_of_who_ran_it(fresh_home, folder, tmp_path):
    ran(fresh_home, folder)
    path = fresh_home / "data" / "runs" / "notebooks" / "00_one-small" / "00_one.ipynb"
    content = nbformat.read(path, as_version=4)
    content.cells[2].outputs = [v4.new_output("stream", text=f"results in {path.parent}\n")]
    nbformat.write(content, path)
    _, cells = page(folder, tmp_path)
    assert cells[2].outputs[0].text == "results in data/runs/notebooks/00_one-small\n"


def test_a_smoke_run_of_another_text_says_both(fresh_home, folder, tmp_path):
    ran(fresh_home, folder, "smoke", "# Won\n\nother")
    chapter, cells = page(folder, tmp_path)
    assert chapter.changed
    assert "numbers mean nothing" in cells[0].source
    assert "has changed since" in cells[0].source


def test_pictures_of_the_text_are_files_beside_the_page(fresh_home, folder, tmp_path):
    ran(fresh_home, folder)
    _, cells = page(folder, tmp_path)
    (name,) = re.findall(r"!\[x\]\(([^)]+)\)", cells[1].source)
    assert (tmp_path / "pages" / name).read_bytes() == b"png"
    assert "attachments" not in cells[1]


def test_an_exercise_is_open_and_shows_no_error(fresh_home, folder, tmp_path):
    content = nbformat.read(folder / "00_one.ipynb", as_version=4)
    error = v4.new_output("error", ename="E", evalue="e", traceback=[])
    said = v4.new_output("stream", text="not yet")
    content.cells[1].outputs = [said, error]
    content.cells[1].metadata["tags"] = ["exercise"]
    nbformat.write(content, folder / "00_one.ipynb")
    _, cells = page(folder, tmp_path)
    assert cells[2].metadata["tags"] == ["exercise"]
    assert [output.output_type for output in cells[2].outputs] == ["stream"]


def test_solutions_are_pages_that_are_in_no_list(folder, tmp_path):
    chapters.write_solutions(folder, tmp_path / "solutions", WORDS)
    content = nbformat.read(tmp_path / "solutions" / "00_one.ipynb", as_version=4)
    assert content.metadata["orphan"] is True
    chapters.write_solutions(tmp_path / "absent", tmp_path / "none", WORDS)
    assert not (tmp_path / "none").exists()


def test_links_to_words_are_links_to_terms_and_unknown_ones_stay():
    text = "[a b](glossary.md#soft-label) [c](../notebooks/glossary.md#ipc) [d](glossary.md#no) "
    linked = "{term}`a b <soft label>` {term}`c <ipc>` [d](glossary.md#no) [all](glossary.md)"
    assert chapters.linked_to_glossary(text + "[all](glossary.md)", WORDS) == linked


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=40))
def test_text_stays_text_in_markdown(text):
    markdown = pytest.importorskip("markdown_it").MarkdownIt()
    shown = html.unescape(markdown.renderInline(f"x{chapters.escaped(text)}x"))
    assert shown == f"x{' '.join(text.split())}x"


def test_picture_data_may_come_in_lines(tmp_path):
    packed = base64.b64encode(b"svg").decode()
    cell = v4.new_markdown_cell("![](attachment:b)")
    cell["attachments"] = {"b": {"image/svg+xml": [packed[:2], packed[2:]]}}
    chapters._unpack(cell, tmp_path, "00_one-4")
    assert cell.source == "![](00_one-4-0.svg)"
    assert (tmp_path / "00_one-4-0.svg").read_bytes() == b"svg"
