"""Files of rows: whole or refused, appended once, joined by git."""

import shutil
import subprocess

import pandas as pd
import pytest

from rdc_kit.ground import files
from rdc_kit.ground.folders import checkout
from rdc_kit.study.grid.rowfiles import append_new, read_rows

WHOLE = "arm,top1,hits,run_hash,crops\nrandom,50.0,eNo,ab12,\n"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (WHOLE + "el2n,5", "line 3, 'el2n', is no whole row"),
        (WHOLE + "<<<<<<< HEAD\n", "line 3, '<<<<<<< HEAD', is no whole row"),
        (WHOLE + "el2n,51.0,eNo,cd34,\n=======\n>>>>>>> other\n", "line 4, '=======', is"),
        ("<<<<<<< HEAD\n" + WHOLE, "line 1, '<<<<<<< HEAD', is no whole row"),
        (WHOLE + "el2n,5el2n,51.0,eNo,cd34,,\n", "Expected 5 fields in line 3, saw 7"),
        (WHOLE + WHOLE, "line 3, 'arm', is no whole row"),
        ("", "No columns to parse"),
    ],
)
def test_half_a_row_and_the_marks_of_a_merge_are_no_data(tmp_path, text, place):
    path = tmp_path / "campaign-x.csv"
    path.write_text(WHOLE)
    assert read_rows(path)["top1"].tolist() == [50.0]
    path.write_text(text)
    with pytest.raises(files.Damaged, match="take out what was half-written") as told:
        read_rows(path)
    assert f"{path}" in str(told.value)
    assert place in str(told.value)


@pytest.mark.parametrize("commit", ["12e4567", "1234567", "0012345", "5e99999"])
def test_a_commit_that_looks_like_a_number_stays_a_text(tmp_path, commit):
    """A file all of whose rows one such commit had made was read as made by commit inf."""
    path = tmp_path / "campaign-x.csv"
    hashes = {"git": commit, "set_hash": "1" * 24, "run_hash": "2e5"}
    pd.DataFrame({"arm": ["a", "b"], **hashes, "crops": ""}).to_csv(path, index=False)
    rows = read_rows(path)
    assert set(rows["git"]) == {commit}
    assert set(rows["set_hash"]) == {"1" * 24}
    assert set(rows["crops"]) == {""}


def test_only_rows_that_a_file_lacks_are_appended(tmp_path):
    def read(path):
        return pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=["key", "value"])

    def keys(rows):
        return [(key,) for key in rows["key"]]

    first = pd.DataFrame({"key": ["a", "b"], "value": [1, 2]})
    second = pd.DataFrame({"key": ["b", "c"], "value": [9, 3]})
    path = tmp_path / "rows.csv"
    assert len(append_new(path, first[:0], read, keys)) == 0
    assert not path.exists()
    assert append_new(path, first, read, keys).equals(first)
    assert append_new(path, second, read, keys)["key"].tolist() == ["c"]
    assert pd.read_csv(path).to_numpy().tolist() == [["a", 1], ["b", 2], ["c", 3]]


@pytest.mark.skipif(checkout() is None or shutil.which("git") is None, reason="needs git")
def test_rows_that_two_machines_have_appended_are_joined_by_git():
    asked = ["git", "check-attr", "merge", "data/evidence/campaign-own.csv"]
    told = subprocess.run(asked, cwd=checkout(), capture_output=True, text=True, check=True).stdout
    assert told.strip().endswith("merge: union")
