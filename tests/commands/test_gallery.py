"""The gallery: the newest good run of each notebook, in pages that need nothing but themselves."""

import base64
import re

import nbformat
import pytest
from nbformat import v4

from rdc_kit.__main__ import main
from rdc_kit.commands import gallery
from rdc_kit.ground import files

# The smallest png there is: one grey pixel.
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)
OTHER = PIXEL.replace("d81ytg", "d81ytw")  # another file, as far as anybody can see from here
VIEW = "application/vnd.jupyter.widget-view+json"
LINKS = "![seen](../figures/evidence/x.png)\n\n[see](02_two.ipynb#The-end)"


def executed(heading, origin, said="said"):
    cells = [
        v4.new_markdown_cell(f"# {heading}\n\n{LINKS}\n\n## Not this"),
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

    def put(name, key, ended, heading, status="ok", dataset="digits", said="said", **facts):
        folder = fresh_home / "data" / "runs" / "notebooks" / f"{name}-{key}"
        folder.mkdir(parents=True)
        if heading:
            nbformat.write(executed(heading, origin, said), folder / f"{name}.ipynb")
        setting = {"dataset": dataset, "size": 32, "profile": "smoke"}
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


def test_the_index_says_what_each_page_is_and_its_links_resolve(shelf, fresh_home):
    assert gallery.gallery() == 0
    out = fresh_home / "data" / "gallery"
    index = (out / "index.html").read_text()
    links = re.findall(r'href="([^"]+)"', index)
    assert links == ["00_one.html", "02_two.html"]
    assert all((out / link).is_file() for link in links)
    assert ">One &lt;b&gt;</a>" in index
    assert ">Two &amp; more</a>" in index
    one = "digits at 32 px · profile smoke · 2026-01-03 11:30 UTC · 1,234 s · git abc123"
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


def test_only_images_are_taken_in(tmp_path):
    (tmp_path / "secret.txt").write_text("hidden")
    (tmp_path / "a.png").write_bytes(b"png")
    text = "![x](secret.txt) [y](a.png) ![z](https://a.org/b.png) ![w](a.png)"
    expected = text[: -len("a.png)")] + "data:image/png;base64,cG5n)"
    assert gallery._with_images(text, tmp_path) == expected


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


def test_a_run_whose_process_is_gone_is_not_shown(add, capsys):
    add("00_one", "cut", "2026-01-01T10:00:00+00:00", "One", "running", pid=2**22 + 1)
    assert gallery.gallery() == 1


def test_a_broken_page_leaves_the_old_gallery_whole(shelf, fresh_home, monkeypatch):
    gallery.gallery()
    before = pages(fresh_home / "data" / "gallery")

    def breaks(run):
        raise RuntimeError

    monkeypatch.setattr(gallery, "export", breaks)
    with pytest.raises(RuntimeError):
        gallery.gallery()
    assert pages(fresh_home / "data" / "gallery") == before


def test_links_between_notebooks_lead_to_their_pages(shelf, tmp_path):
    gallery.gallery(tmp_path / "out")
    assert 'href="02_two.html#The-end"' in (tmp_path / "out" / "00_one.html").read_text()


def test_names_of_any_kind_are_escaped_on_the_pages(add, fresh_home):
    name = '<script>alert(1)</script>"$x'
    add("00_one", "a", "2026-01-01T10:00:00+00:00", "One", dataset=f"folder:{name}", git=name)
    assert gallery.gallery() == 0
    for page in pages(fresh_home / "data" / "gallery").values():
        assert "<script" not in page
        assert "&lt;script&gt;alert(1)" in page
