"""The gallery: the newest good run of each notebook, in pages that need nothing but themselves."""

import base64
import html
import io
import re

import nbformat
import pytest
from nbformat import v4
from PIL import Image

from rdc_kit.__main__ import main
from rdc_kit.commands import gallery
from rdc_kit.ground import files
from rdc_kit.study.verdicts.claims import SHOWN

# The smallest png there is: one grey pixel.
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)
OTHER = PIXEL.replace("d81ytg", "d81ytw")  # another file, as far as anybody can see from here
VIEW = "application/vnd.jupyter.widget-view+json"
LINKS = (
    "![seen](../figures/evidence/x.png)\n\n**Why, and who?** See [there](02_two.ipynb#The-end), "
    "[back](../mine/00_one.ipynb), [nowhere](03_three.ipynb#gone), [all](contents.md), "
    "[solved](solutions/02_two.ipynb) or [out](https://a.org/04_x.ipynb)."
)


def executed(heading, origin, said="said"):
    cells = [
        v4.new_markdown_cell(
            f"# {heading}\n\n{LINKS}\n\n## What `it` is\n\n```\n## no heading\n```"
        ),
        v4.new_code_cell("1 + 1", execution_count=1, outputs=[stream(said)]),
        v4.new_code_cell("figure", outputs=[shown({"image/png": PIXEL, "text/plain": "Figure"})]),
        v4.new_code_cell(
            "dial", outputs=[shown({VIEW: {"model_id": "m"}, "text/plain": "VBox()"})]
        ),
        v4.new_code_cell("live", outputs=[shown({"application/javascript": "alert(1)"})]),
    ]
    content = v4.new_notebook(cells=cells)
    content.metadata["papermill"] = {"input_path": str(origin)}
    content.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
    return content


def stream(text):
    return v4.new_output("stream", text=text)


def shown(data):
    return v4.new_output("display_data", data=data)


@pytest.fixture
def add(fresh_home, tmp_path):
    """A function that puts a run in the store; the notebook's folder has a figure beside it."""
    origin = tmp_path / "work" / "notebooks" / "00_one.ipynb"
    origin.parent.mkdir(parents=True)
    origin.write_text("{}")
    figure = tmp_path / "work" / "figures" / "evidence" / "x.png"
    figure.parent.mkdir(parents=True)
    figure.write_bytes(base64.b64decode(OTHER))

    def put(name, key, ended, heading, status="ok", said="said", profile="small", **facts):
        folder = fresh_home / "data" / "runs" / "notebooks" / f"{name}-{key}"
        folder.mkdir(parents=True)
        if heading:
            nbformat.write(executed(heading, origin, said), folder / f"{name}.ipynb")
        dataset = facts.pop("dataset", "digits")
        setting = {"dataset": dataset, "size": 32, "profile": profile}
        manifest = {"name": name, "status": status, "ended": ended, "setting": setting}
        manifest |= {"started": ended, "seconds": 1234.5, "git": "abc123", "pid": 1}
        files.write_json(folder / "manifest.json", manifest | facts)

    return put


@pytest.fixture
def shelf(add):
    """Two notebooks with good runs, and runs of them that are older, failed, or without cells."""
    add("00_one", "old", "2026-01-01T10:00:00+00:00", "One <b>", said="the old one")
    add("00_one", "new", "2026-01-03T11:30:59+00:00", "One <b>", said="the new one")
    add("00_one", "bad", "2026-01-04T10:00:00+00:00", "One <b>", "failed", said="the failed one")
    add("00_one", "live", "2026-01-05T10:00:00+00:00", "")
    add("00_one", "quick", "2026-01-06T10:00:00+00:00", "One", profile="smoke", said="a smoke run")
    add("02_two", "a", "2026-01-02T10:00:00+00:00", "Two & more", dataset="imagenette", git="")
    add("03_three", "bad", "2026-01-02T10:00:00+00:00", "Three", "failed")


def pages(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_only_the_newest_good_run_of_each_notebook_is_shown(shelf, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["gallery", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"gallery: 2 notebooks, open {out / 'index.html'}\n"
    found = pages(out)
    assert sorted(found) == ["00_one.html", "02_two.html", "index.html"]
    assert "the new one" in found["00_one.html"]
    assert "the old one" not in found["00_one.html"]
    assert "the failed one" not in found["00_one.html"]
    assert "a smoke run" not in found["00_one.html"]


def test_the_index_says_what_each_page_is_and_its_links_resolve(shelf, fresh_home):
    assert gallery.gallery() == 0
    out = fresh_home / "data" / "gallery"
    index = (out / "index.html").read_text()
    links = re.findall(r'href="([^"]+)"', index)
    assert links == ["00_one.html", "02_two.html"]
    assert all((out / link).is_file() for link in links)
    assert ">One &lt;b&gt;</a>" in index
    assert ">Two &amp; more</a>" in index
    one = "digits at 32 px · profile small · 2026-01-03 11:30 UTC · 1,234 s · git abc123"
    assert one in index
    assert "imagenette at 32 px" in index
    assert index.count("git unknown") == 1
    page = (out / "00_one.html").read_text()
    assert one in page
    assert 'href="index.html"' in page
    assert "<title>One &lt;b&gt;</title>" in page


def test_pages_need_no_network_and_no_other_file(shelf, fresh_home):
    gallery.gallery()
    page = (fresh_home / "data" / "gallery" / "00_one.html").read_text()
    assert "<script" not in page
    assert "alert(1)" not in page
    assert "VBox()" not in page
    assert "model_id" not in page
    assert not re.findall(r'(?:src|<link[^>]+href)="(?:https?:)?//', page)
    assert "@import" not in page
    sources = re.findall(r'<img[^>]+src="([^"]+)"', page)
    assert [source.replace("\n", "") for source in sources] == [
        f"data:image/png;base64,{OTHER}",
        f"data:image/png;base64,{PIXEL}",
    ]
    assert 'name="viewport"' in page


def test_a_missing_picture_stays_a_link(shelf, fresh_home, tmp_path):
    (tmp_path / "work" / "figures" / "evidence" / "x.png").unlink()
    assert gallery.gallery() == 0
    page = (fresh_home / "data" / "gallery" / "00_one.html").read_text()
    assert 'src="../figures/evidence/x.png"' in page


def test_a_dataset_may_be_chosen(shelf, tmp_path):
    assert main(["gallery", "--out", str(tmp_path / "out"), "--dataset", "imagenette"]) == 0
    assert sorted(pages(tmp_path / "out")) == ["02_two.html", "index.html"]


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ([], "there is no finished notebook run in {}: `make study` makes them"),
        (
            ["--dataset", "cifar10"],
            "there is no finished notebook run on cifar10 in {}: `make study DATASET=cifar10` "
            "makes them",
        ),
    ],
)
def test_nothing_to_show_is_one_sentence_and_status_1(add, fresh_home, capsys, choice, told):
    add("03_three", "bad", "2026-01-02T10:00:00+00:00", "Three", "failed")
    assert main(["gallery", *choice]) == 1
    where = fresh_home / "data" / "runs" / "notebooks"
    assert capsys.readouterr().err == f"gallery: {told.format(where)}\n"
    assert not (fresh_home / "data" / "gallery").exists()


def test_a_run_that_left_no_executed_copy_there_is_told_of(add, capsys):
    """By papermill itself: `rdc runs` listed it as ok, and the gallery said that there was none."""
    add("01_hand", "a", "2026-01-02T10:00:00+00:00", "")
    assert main(["gallery"]) == 1
    told = capsys.readouterr().err
    assert "`make study` makes them; 1 ended ok by other means, without the executed copy" in told
    assert told.endswith(" run` leaves\n")


def test_a_run_whose_process_is_gone_is_not_shown(add, capsys):
    add("00_one", "cut", "2026-01-01T10:00:00+00:00", "One", "running", pid=2**22 + 1)
    assert gallery.gallery() == 1


def test_a_broken_page_leaves_the_old_gallery_whole(shelf, fresh_home, monkeypatch):
    gallery.gallery()
    before = pages(fresh_home / "data" / "gallery")

    def breaks(*_):
        raise RuntimeError

    monkeypatch.setattr(gallery, "export", breaks)
    with pytest.raises(RuntimeError):
        gallery.gallery()
    assert pages(fresh_home / "data" / "gallery") == before


def test_links_lead_to_pages_and_nowhere_where_there_is_none(shelf, tmp_path):
    gallery.gallery(tmp_path / "out")
    page = (tmp_path / "out" / "00_one.html").read_text()
    assert '<a href="02_two.html#The-end">there</a>' in page
    assert '<a href="00_one.html">back</a>' in page
    assert re.search(r"<a *>nowhere</a>", page)
    assert re.search(r"<a *>solved</a>", page)
    assert '<a href="index.html">all</a>' in page
    assert 'href="https://a.org/04_x.ipynb"' in page


def test_a_page_leads_on_and_lists_its_headings(shelf, tmp_path):
    gallery.gallery(tmp_path / "out")
    found = pages(tmp_path / "out")
    ways = re.findall(r'<nav class="ways">(.*?)</nav>', found["00_one.html"], flags=re.S)
    assert len(ways) == 2
    assert re.findall(r'href="([^"]+)"', ways[0]) == ["index.html", "02_two.html"]
    assert "Two &amp; more →" in ways[0]
    back = re.findall(r'<nav class="ways">(.*?)</nav>', found["02_two.html"], flags=re.S)
    assert "← One &lt;b&gt;" in back[0]
    assert '<li><a href="#What-it-is">What it is</a></li>' in found["00_one.html"]
    assert found["00_one.html"].count('id="What-it-is"') == 1
    assert 'href="#no-heading"' not in found["00_one.html"]


def test_the_index_has_the_question_and_a_small_picture(shelf, add, tmp_path):
    add("04_four", "only", "2026-01-06T10:00:00+00:00", "Four", profile="smoke")
    gallery.gallery(tmp_path / "out")
    index = pages(tmp_path / "out")["index.html"]
    assert index.count("<p>Why, and who?</p>") == 3
    assert index.count("its numbers mean nothing") == 1
    assert len(re.findall(r'<img alt="" src="data:image/png;base64,', index)) == 3


def test_a_preview_has_all_of_a_picture_in_small():
    whole, packed = Image.new("L", (600, 1200)), io.BytesIO()
    whole.paste(255, (0, 1100, 600, 1200))
    whole.save(packed, "png")
    shown = re.search(r'base64,([^"]+)"', gallery._preview(packed.getvalue()))[1]
    small = Image.open(io.BytesIO(base64.b64decode(shown)))
    assert small.size == (240, 480)
    assert small.getpixel((120, 20)) == 0
    assert small.getpixel((120, 470)) == 255
    assert gallery._preview(b"") == ""


def test_a_page_tells_no_folders_of_who_ran_it(add, fresh_home):
    where = fresh_home / "data" / "runs" / "notebooks" / "00_one-a"
    add("00_one", "a", "2026-01-01T10:00:00+00:00", "One", said=f"results in {where}")
    gallery.gallery()
    page = (fresh_home / "data" / "gallery" / "00_one.html").read_text()
    assert "results in data/runs/notebooks/00_one-a" in page
    assert str(where) not in page


def test_the_ledger_links_to_headings_by_the_ids_that_pages_give_them(add, fresh_home):
    headings = [heading for _, heading in SHOWN.values()]
    for k, heading in enumerate(headings):
        add(f"{k:02}_one", "run", "2026-01-03T11:30:59+00:00", heading)
    gallery.gallery()
    for k, heading in enumerate(headings):
        page = (fresh_home / "data" / "gallery" / f"{k:02}_one.html").read_text()
        assert f'id="{heading.replace(" ", "-")}"' in html.unescape(page)


def test_names_of_any_kind_are_escaped_on_the_pages(add, fresh_home):
    name = '<script>alert(1)</script>"$x'
    add("00_one", "a", "2026-01-01T10:00:00+00:00", "One", dataset=f"folder:{name}", git=name)
    assert gallery.gallery() == 0
    for page in pages(fresh_home / "data" / "gallery").values():
        assert "<script" not in page
        assert "&lt;script&gt;alert(1)" in page
