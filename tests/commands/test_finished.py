"""Finished runs: what is read from their cells, and the pictures that go into them."""

import base64

from nbformat import v4

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


def test_the_first_picture_is_the_first_that_code_has_made():
    content = of("# A")
    assert finished.first_picture(content) == b""
    for data in (b"one", b"two"):
        png = {"image/png": base64.b64encode(data).decode(), "text/plain": "Figure"}
        cell = v4.new_code_cell(outputs=[v4.new_output("display_data", data=png)])
        content.cells.append(cell)
    assert finished.first_picture(content) == b"one"


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
