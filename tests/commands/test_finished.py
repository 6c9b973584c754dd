"""Finished runs: what is read from their cells, and the pictures that go into them."""

import base64
import io
from pathlib import Path

import nbformat
from nbformat import v4
from PIL import Image

from rdc_kit.commands import finished
from rdc_kit.commands.finished import Finished


def of(*texts):
    return v4.new_notebook(cells=[v4.new_markdown_cell(text) for text in texts])


def test_the_question_is_the_first_bold_sentence_and_not_a_bold_word():
    text = "# T\n\n**Combine** and **augment**. **Why is\nit so?** Or **how?**"
    links = "[Contents](contents.md) **is not it.**"
    assert finished.question_of(of(links, text, "**Later?**")) == "Why is it so?"
    assert finished.question_of(of("# T", "**Later?**")) == ""
    assert finished.question_of(v4.new_notebook()) == ""


def test_headings_are_plain_text_in_order_and_code_has_none():
    content = of("# A `b`\n\ntext\n\n```\n# no\n```\n\n## C **d** 2 * 3", "#no\n### E")
    assert finished.headings_of(content) == [(1, "A b"), (2, "C d 2 * 3"), (3, "E")]
    assert finished.title_of(content) == "A b"
    assert finished.title_of(of("no heading")) == ""


def test_the_heading_that_is_worked_on_is_the_last_above_the_running_cell(tmp_path):
    states = {"a": "completed", "b": "running", "c": "pending"}
    content = of("# A\n\n## First")
    for name, state in states.items():
        content.cells.append(v4.new_code_cell(metadata={"papermill": {"status": state}}))
        content.cells.append(v4.new_markdown_cell(f"## After `{name}`"))
    path = tmp_path / "x.partial.ipynb"
    assert finished.heading_now(path) == ""  # papermill has not begun
    nbformat.write(content, path)
    assert finished.heading_now(path) == "After a"
    path.write_text(path.read_text()[:200])
    assert finished.heading_now(path) == ""


def showing(*sizes):
    """A notebook whose code has made pictures of these widths and heights, and the pictures."""
    content, made = of("# A"), []
    for size in sizes:
        packed = io.BytesIO()
        Image.new("L", size).save(packed, "png")
        made.append(packed.getvalue())
        png = {"image/png": base64.b64encode(made[-1]).decode(), "text/plain": "Figure"}
        cell = v4.new_code_cell(outputs=[v4.new_output("display_data", data=png)])
        content.cells.append(cell)
    return content, made


def test_the_first_picture_is_the_first_that_code_has_made_and_is_no_strip():
    assert finished.first_picture(of("# A")) == b""
    content, made = showing((30, 20), (10, 10))
    assert finished.first_picture(content) == made[0]
    content, made = showing((892, 56), (60, 13), (10, 10))
    assert finished.first_picture(content) == made[1]
    content, made = showing((892, 56), (50, 10))  # a strip where there is nothing else
    assert finished.first_picture(content) == made[0]


def test_a_run_is_read_later_as_over_and_without_the_folders_of_who_ran_it(fresh_home):
    run = Finished(Path("/new/data/runs/notebooks/00_one-1a/00_one.ipynb"), {})
    rows = [("00_one-1a", "running"), ("00_one-1ab", "running"), ("02_two-1a", "running")]
    cells = [f"<td>{name}</td>\n      <td>{status}</td>" for name, status in rows]
    text = "\n".join(f"{name:>10}  {status}" for name, status in rows)
    table = {"text/html": "".join(cells), "text/plain": text, "image/png": "/old/home/data/"}
    said = "/old/home/data/x, file:///old/home/data/x, /my/old/home/data/x, /old/homes/data/x, "
    more = f"/old/home/notes, {fresh_home}/figures/y.png, {fresh_home}"
    outputs = [v4.new_output("stream", text=said + more), v4.new_output("display_data", data=table)]
    content = v4.new_notebook(cells=[v4.new_code_cell(outputs=outputs)])
    content.metadata["papermill"] = {"output_path": "/old/home/data/runs/notebooks/00_one-1a/p"}
    first, second = finished.read_later(content, run).cells[0].outputs
    kept = "file:///old/home/data/x, /my/old/home/data/x, /old/homes/data/x, /old/home/notes"
    assert first.text == f"data/x, {kept}, figures/y.png, {fresh_home}"
    assert second.data["text/html"].count("<td>running</td>") == 2
    assert "<td>00_one-1a</td>\n      <td>     ok</td>" in second.data["text/html"]
    assert second.data["text/plain"].splitlines()[0] == f"{'00_one-1a':>10}       ok"
    assert second.data["text/plain"].count("running") == 2
    assert second.data["image/png"] == "/old/home/data/"


def test_a_dataset_is_told_without_the_folders_above_it():
    """A page to be shared said where its author keeps photographs."""
    facts = {"ended": "2026-11-29T10:00:00", "seconds": 3}
    place = "/home/anna/my photos & co"
    setting = {"dataset": f"folder:{place}/", "size": 64, "profile": "small"}
    run = Finished(Path("/x/data/runs/notebooks/09-1a/09.ipynb"), facts | {"setting": setting})
    assert run.line().startswith("folder:my photos & co/ at 64 px · ")
    assert run.dataset == f"folder:{place}/"  # by which `--dataset` chooses
    said = f"09: folder:{place} at 64 px, {place}2, {place}/train/a.jpg"
    table = {"text/html": f"<td>{place.replace('&', '&amp;')}</td>"}
    outputs = [v4.new_output("stream", text=said), v4.new_output("display_data", data=table)]
    cells = [v4.new_code_cell(f'dataset = "folder:{place}"', outputs=outputs), *of(place).cells]
    code, text = finished.read_later(v4.new_notebook(cells=cells), run).cells
    assert code.source == 'dataset = "folder:my photos & co"'
    short = "my photos & co"
    assert code.outputs[0].text == f"09: folder:{short} at 64 px, {place}2, {short}/train/a.jpg"
    assert code.outputs[1].data["text/html"] == "<td>my photos &amp; co</td>"
    assert text.source == place  # what an author wrote stays
    other = Finished(run.notebook, facts | {"setting": setting | {"dataset": "hub:anna/photos"}})
    assert finished.read_later(of("hub:anna/photos"), other).cells[0].source == "hub:anna/photos"


def test_pictures_of_the_text_go_into_the_notebook_and_nothing_else_does(tmp_path):
    (tmp_path / "secret.txt").write_text("hidden")
    (tmp_path / "a.png").write_bytes(b"png")
    text = "![x](secret.txt) [y](a.png) ![z](https://a.org/b.png) ![w](a.png) ![v](gone.png)"
    (cell,) = finished.with_pictures(of(text), tmp_path).cells
    assert cell.source == text.replace("![w](a.png)", "![w](attachment:0-a.png)")
    assert cell.attachments == {"0-a.png": {"image/png": base64.b64encode(b"png").decode()}}
    again = finished.with_pictures(v4.new_notebook(cells=[cell]), tmp_path).cells[0]
    assert again.source == cell.source


def test_two_pictures_of_one_name_stay_two(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").write_bytes(folder.encode())
    (cell,) = finished.with_pictures(of("![](one/a.png) ![](two/a.png)"), tmp_path).cells
    assert cell.source == "![](attachment:0-a.png) ![](attachment:1-a.png)"
    packed = [base64.b64decode(one["image/png"]) for one in cell.attachments.values()]
    assert packed == [b"one", b"two"]


def test_a_run_says_whether_it_is_a_smoke_run(tmp_path):
    assert Finished(tmp_path, {"setting": {"profile": "smoke"}}).smoke
    assert not Finished(tmp_path, {"setting": {"profile": "small"}}).smoke
    assert not Finished(tmp_path, {"parameters": {"results": "evidence"}}).smoke
