"""The verb notebooks: copies to work in, with the pictures that they show."""

import json
import re

from rdc_kit.__main__ import main
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
    assert "exists: choose another folder" in capsys.readouterr().err
    assert mine.read_text() == "changed"


def test_a_teachers_copies_have_the_solutions_in_place(tmp_path):
    assert main(["notebooks", str(tmp_path), "--solved"]) == 0
    for path in notebooks_dir().glob("[0-9]*.ipynb"):
        copy = json.loads((tmp_path / "notebooks" / path.name).read_text())
        code = {c["id"]: "".join(c["source"]) for c in copy["cells"]}
        assert solutions_of(path).items() <= code.items()
