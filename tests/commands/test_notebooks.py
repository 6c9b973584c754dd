"""The verb notebooks: copies to work in, with the pictures that they show."""

import json
import re
import shutil

import pytest

from rdc_kit.__main__ import main
from rdc_kit.commands import notebooks
from rdc_kit.ground import files
from rdc_kit.ground.folders import notebooks_dir
from rdc_kit.notebook.exercises import solutions_of


def test_copies_have_their_pictures_and_nothing_is_written_over(tmp_path, capsys):
    out = tmp_path / "mine"
    assert main(["notebooks", str(out)]) == 0
    named = sorted(path.name for path in notebooks_dir().glob("[0-9]*.ipynb"))
    assert sorted(path.name for path in (out / "notebooks").glob("*.ipynb")) == named
    for pattern in ("*.md", "solutions/*.ipynb"):
        beside = {path.name for path in notebooks_dir().glob(pattern)}
        assert {path.name for path in (out / "notebooks").glob(pattern)} == beside != set()
    told = capsys.readouterr().out
    assert told.startswith(f"notebooks: {len(named)} in {out / 'notebooks'}")
    for path in (out / "notebooks").glob("*.ipynb"):
        text = "\n".join("".join(c["source"]) for c in json.loads(path.read_text())["cells"])
        for link in re.findall(r"!\[[^]]*\]\((\.\.[^)]+)\)", text):
            assert (path.parent / link).is_file(), (path.name, link)
    mine = out / "notebooks" / named[0]
    mine.write_text("changed")
    assert main(["notebooks", str(out)]) == 2
    told = f"{mine} exists with other content: choose another folder"
    assert told in capsys.readouterr().err
    assert mine.read_text() == "changed"


def test_no_link_of_a_copy_leads_to_what_was_not_handed_out(tmp_path):
    """One led to a page of the checkout."""
    assert main(["notebooks", str(tmp_path)]) == 0
    for path in files.files_below(tmp_path / "notebooks"):
        for link in re.findall(r"\]\(([^)\s#:]+)(?:#[^)]*)?\)", path.read_text()):
            assert (path.parent / link).is_file(), (path.name, link)


def test_what_a_mac_notes_beside_the_files_of_other_disks_is_not_handed_out(tmp_path, monkeypatch):
    """It is no text, and was read as one."""
    source, mine = tmp_path / "source", tmp_path / "mine" / "notebooks"
    shutil.copytree(notebooks_dir(), source)
    for name in ("._glossary.md", "solutions/._00_start_here.ipynb"):
        (source / name).write_bytes(b"\x00\x05\x16\x07\xff")
    monkeypatch.setattr(notebooks, "notebooks_dir", lambda: source)
    assert main(["notebooks", str(mine.parent)]) == 0
    assert (mine / "glossary.md").is_file()
    assert not [path for path in files.files_below(mine) if path.name.startswith("._")]


@pytest.mark.parametrize("place", ["notebooks/glossary.md", "solutions", "figures"])
def test_no_page_solution_or_picture_is_written_over(place, tmp_path, capsys):
    """Only the notebooks themselves were."""
    whole, mine = tmp_path / "whole", tmp_path / "mine"
    assert main(["notebooks", str(whole)]) == 0
    found = [p.relative_to(whole) for p in files.files_below(whole) if place in str(p)]
    (mine / found[-1]).parent.mkdir(parents=True)
    (mine / found[-1]).write_text("my own")
    assert main(["notebooks", str(mine)]) == 2
    assert f"{mine / found[-1]} exists with other content" in capsys.readouterr().err
    assert [p.read_text() for p in files.files_below(mine)] == ["my own"]  # and nothing beside it


@pytest.mark.parametrize("how", [[], ["--solved"]])
def test_the_same_call_goes_on_where_it_was_killed(how, tmp_path, monkeypatch):
    """It refused the notebooks that it had copied itself."""
    whole, mine = tmp_path / "whole", tmp_path / "mine"
    assert main(["notebooks", str(whole), *how]) == 0
    flush, done = files._flush, []

    def killed(path):
        flush(path)
        done.append(path)
        if len(done) == 9:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(files, "_flush", killed)
        assert main(["notebooks", str(mine), *how]) == 1
    assert 0 < len(files.files_below(mine)) < len(files.files_below(whole))
    assert main(["notebooks", str(mine), *how]) == 0
    names = [[p.relative_to(f) for p in files.files_below(f)] for f in (whole, mine)]
    assert names[0] == names[1]
    assert all((whole / p).read_bytes() == (mine / p).read_bytes() for p in names[0])


def test_a_teachers_copies_have_the_solutions_in_place(tmp_path):
    assert main(["notebooks", str(tmp_path), "--solved"]) == 0
    for path in notebooks_dir().glob("[0-9]*.ipynb"):
        copy = json.loads((tmp_path / "notebooks" / path.name).read_text())
        code = {c["id"]: "".join(c["source"]) for c in copy["cells"]}
        assert solutions_of(path).items() <= code.items()
