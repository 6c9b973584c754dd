"""Places where nothing can be written are refused before the work."""

from pathlib import Path

import pytest

from rdc_kit.ground import places


def test_a_full_disk_is_told_with_both_numbers(tmp_path):
    places.require_free_space(tmp_path / "new", 0)
    with pytest.raises(OSError, match=r"MB free, 1,000,000,000,000 MB are needed: free some"):
        places.require_free_space(tmp_path / "new", 10**18)


def test_a_folder_that_exists_or_cannot_be_made_is_refused(tmp_path):
    places.check_new(tmp_path / "new" / "set")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileExistsError, match="exists: choose another folder"):
        places.check_new(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="file is a file"):
        places.check_new(tmp_path / "file" / "set")


def test_a_table_needs_a_file_of_our_own_or_none_where_one_can_be_made(tmp_path):
    places.check_table(tmp_path / "new" / "table.csv", "dataset,")
    with pytest.raises(FileExistsError, match=r"is a folder: name a file, such as .*table.csv"):
        places.check_table(tmp_path, "dataset,")
    (tmp_path / "file").write_text("my notes\n")
    with pytest.raises(FileExistsError, match="is none of these tables: name another file"):
        places.check_table(tmp_path / "file", "dataset,")
    with pytest.raises(ValueError, match="file is a file"):
        places.check_table(tmp_path / "file" / "table.csv", "dataset,")


def test_the_root_of_a_disk_is_a_place_like_any_other():
    """Nothing is above it."""
    places.check_place(Path("/"))


def test_somebody_elses_file_is_not_written_over(tmp_path):
    path = tmp_path / "table.csv"
    places.check_table(path, "dataset,")
    path.write_text("dataset,size\n")
    places.check_table(path, "dataset,")
    path.write_text("my notes\n")
    with pytest.raises(FileExistsError, match="is none of these tables: name another file"):
        places.check_table(path, "dataset,")
