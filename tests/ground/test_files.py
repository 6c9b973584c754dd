"""Files that are whole or absent, whatever happens, and damage that is noticed."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from rdc_kit.ground import files

from ..conftest import closed


def test_a_failing_save_keeps_the_old_figure(tmp_path, monkeypatch):
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(OSError, match="disk full"), files.atomic_path(target) as part:
        part.write_text("half of the n")
        raise OSError("disk full")
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]


def test_a_folder_is_replaced_whole_or_kept(tmp_path):
    target = tmp_path / "set"
    with files.atomic_path(target) as part:
        part.mkdir()
        (part / "old").touch()
    with pytest.raises(RuntimeError, match="power cut"), files.atomic_path(target) as part:
        part.mkdir()
        (part / "half").touch()
        raise RuntimeError("power cut")
    assert [p.name for p in target.iterdir()] == ["old"]
    with files.atomic_path(target) as part:
        part.mkdir()
        (part / "new").touch()
        assert [p.name for p in target.iterdir()] == ["old"]  # until the block has ended
    assert [p.name for p in target.iterdir()] == ["new"]
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path):
    """The link became a folder, and the next save failed over it for ever."""
    (tmp_path / "scratch" / "set").mkdir(parents=True)
    (tmp_path / "scratch" / "table.csv").write_text("old")
    for name in ("set", "table.csv"):
        (tmp_path / name).symlink_to(tmp_path / "scratch" / name)
    for text in ("one", "two"):
        with files.atomic_path(tmp_path / "set") as part:
            part.mkdir()
            (part / "content").write_text(text)
        with files.atomic_path(tmp_path / "table.csv") as part:
            part.write_text(text)
    assert (tmp_path / "scratch" / "set" / "content").read_text() == "two"
    assert (tmp_path / "scratch" / "table.csv").read_text() == "two"
    assert all((tmp_path / name).is_symlink() for name in ("set", "table.csv"))
    assert sorted(p.name for p in tmp_path.rglob("*")) == [
        *("content", "scratch", "set", "set", "table.csv", "table.csv")
    ]


def test_a_file_gets_its_folders_and_keeps_its_ending(tmp_path):
    target = tmp_path / "a" / "b" / "table.csv"
    with files.atomic_path(target) as part:
        assert part.suffix == ".csv"  # some writers choose the format by it
        part.write_text("1,2")
        assert not target.exists()
    assert target.read_text() == "1,2"


def test_json_comes_back_and_an_absent_file_is_none(tmp_path):
    value = {"a": [1, 2.5, None], "b": {"c": "é"}}
    files.write_json(tmp_path / "x.json", value)
    assert files.read_json(tmp_path / "x.json") == value
    assert files.read_json(tmp_path / "y.json") is None
    assert files.read_json(tmp_path / "x.json" / "y.json") is None  # a file is no folder
    files.write_json(tmp_path / "x.json", [np.int64(1), np.float32(0.5), tmp_path])
    assert files.read_json(tmp_path / "x.json") == [1, 0.5, str(tmp_path)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("digits", "digits"),
        ("folder:/data/my images", "folder--data-my-images"),
        ("/x/", "x"),
        ("a" * 30 + "b" * 30, "a" * 10 + "b" * 30),
    ],
)
def test_names_of_sources_become_names_of_files(text, expected):
    assert files.safe_name(text) == expected


def test_leftovers_of_the_dead_are_removed_and_those_of_the_living_are_not(tmp_path):
    target = tmp_path / "table.csv"
    child = "import sys; from rdc_kit.ground.files import atomic_path as a\n"
    child += "with a(sys.argv[1]) as part:\n part.write_text('half'); import os; os._exit(9)"
    subprocess.run([sys.executable, "-c", child, str(target)], check=False)
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".table-")
    with files.atomic_path(target) as mine, files.atomic_path(target) as other:
        other.write_text("new")
        mine.write_text("mine")
        assert not left.exists()
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]
    assert target.read_text() == "mine"


def test_what_another_container_of_the_same_host_name_writes_stays(tmp_path, monkeypatch):
    """Its process has a number that nobody has here: the file was taken for a dead one's."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    table, here = tmp_path / "table.csv", os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: child.pid)
    for link in ("pid:[7]", "pid:[8]"):
        monkeypatch.setattr(os, "readlink", lambda path, link=link: link)
        with files.atomic_path(table) as part:
            part.write_text("half")
            os.link(part, part.with_name(f"{part.name}.kept"))
    for kept in tmp_path.glob(".*.kept"):
        kept.rename(kept.with_suffix(""))
    monkeypatch.setattr(os, "getpid", lambda: here)
    assert len(list(tmp_path.glob(".table-*.csv"))) == 2
    files.write_text(table, "ours")  # in the second one
    (left,) = tmp_path.glob(".table-*.csv")
    monkeypatch.setattr(os, "readlink", lambda path: "pid:[7]")
    assert files.machine_mark() in left.name


def test_leftovers_of_other_hosts_go_once_nobody_has_written_to_them_for_a_week(tmp_path):
    """A job that is started again on another node could never see that the first one died."""
    week = time.time() - 8 * 24 * 3600
    left = {}
    for name, file_age, folder_age in (("old", week, week), ("busy", None, week)):
        left[name] = folder = tmp_path / f".{name}-0123abcd-77-89abcdef"
        folder.mkdir()
        (folder / "images.bin").write_bytes(b"half")
        for path, age in ((folder / "images.bin", file_age), (folder, folder_age)):
            os.utime(path, age and (age, age))
    mine = tmp_path / ".notes-0123abcd.txt"
    mine.write_text("no part of ours")
    os.utime(mine, (week, week))
    files.sweep(tmp_path)
    assert not left["old"].exists()
    assert left["busy"].exists()
    assert mine.exists()


def test_a_replacement_that_was_cut_off_half_way_leaves_the_old_folder(tmp_path):
    """Killed between the two renames: the old folder is back as soon as anybody looks."""
    target = tmp_path / "set"
    with files.atomic_path(target) as part:
        part.mkdir()
        (part / "a").write_text("old")
    target.rename(files._old(target))
    assert files.restored(target) == target
    assert (target / "a").read_text() == "old"
    target.rename(files._old(target))
    with files.atomic_path(target) as part:
        part.mkdir()
        (part / "a").write_text("new")
    assert (target / "a").read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


def test_an_old_folder_that_was_not_cleared_away_stops_nobody(tmp_path):
    """Killed after both renames: the new folder is in place, the old one still beside it."""
    target = tmp_path / "set"
    for folder in (target, files._old(target)):
        folder.mkdir()
        (folder / "a").write_text("old")
    with files.atomic_path(target) as part:
        part.mkdir()
        (part / "a").write_text("new")
    assert (target / "a").read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"\xff\xfe\x00", b"[1, 2,\n"])
def test_json_that_cannot_be_read_is_set_aside_and_absent(tmp_path, capsys, content):
    path = tmp_path / "manifest.json"
    path.write_bytes(content)
    assert files.read_json(path) is None
    assert not path.exists()
    assert (tmp_path / "manifest.json.damaged").read_bytes() == content
    assert f"{path} is damaged (" in capsys.readouterr().err
    files.write_json(path, {"a": 2})
    assert files.read_json(path) == {"a": 2}


def test_a_checksum_tells_one_bit(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(bytes(10**6))
    before = files.checksum(path)
    path.write_bytes(bytes(5 * 10**5) + b"\x01" + bytes(5 * 10**5 - 1))
    assert files.checksum(path) != before


def test_of_two_that_make_a_new_folder_one_is_told(tmp_path):
    def make(part, text):
        part.mkdir()
        (part / "a").write_text(text)

    target = tmp_path / "set"
    told = pytest.raises(FileExistsError, match="another process has made it")
    with told, files.atomic_path(target, replace=False) as mine:
        make(mine, "mine")
        with files.atomic_path(target, replace=False) as other:
            make(other, "other")
    assert (target / "a").read_text() == "other"
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


def test_a_text_is_written_as_utf_8(tmp_path):
    files.write_text(tmp_path / "a" / "b.txt", "39 % ± 2\n")
    assert (tmp_path / "a" / "b.txt").read_bytes() == "39 % ± 2\n".encode()


def test_a_new_number_of_a_file_is_no_change(tmp_path, monkeypatch):
    """FAT, exFAT and many network disks number their files anew at each mount."""
    path = tmp_path / "a"
    path.write_text("content")
    before, facts = files.stamp(path), path.stat()
    again = os.stat_result(
        (facts.st_mode, 10**9, *facts[2:]),
        {name: getattr(facts, name) for name in ("st_mtime_ns", "st_ctime_ns")},
    )
    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", lambda self: again)
        assert path.stat().st_ino != facts.st_ino
        assert files.stamp(path) == before
    path.write_text("CONTENT")
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert files.stamp(path) != before
    assert files.stamp(tmp_path / "none") == (0, 0, 0)


def test_a_file_that_another_machine_has_just_replaced_is_read_once_more(tmp_path, monkeypatch):
    files.write_json(tmp_path / "a.json", {"a": 1})
    real, asked = Path.read_text, []

    def stale_at_first(self):
        asked.append(self)
        if len(asked) == 1:
            raise OSError(errno.ESTALE, "Stale file handle")
        return real(self)

    monkeypatch.setattr(Path, "read_text", stale_at_first)
    assert files.read_json(tmp_path / "a.json") == {"a": 1}
    monkeypatch.setattr(Path, "read_text", lambda self: (_ for _ in ()).throw(OSError("closed")))
    with pytest.raises(OSError, match="closed"):
        files.read_json(tmp_path / "a.json")


def test_a_folder_that_cannot_be_listed_is_no_empty_one(tmp_path, monkeypatch):
    for name in ("a/1", "b/2"):
        files.write_text(tmp_path / name, "")
    assert files.files_below(tmp_path) == [tmp_path / "a/1", tmp_path / "b/2"]
    closed(tmp_path / "b", monkeypatch)
    with pytest.raises(PermissionError, match="b'"):
        files.files_below(tmp_path)


@pytest.mark.parametrize("kind", ["ENOSPC", "EDQUOT", "EFBIG"])
def test_a_full_disk_is_told_with_the_file_that_did_not_fit(tmp_path, kind):
    """An open file that cannot grow does not say its name."""
    number = getattr(errno, kind)
    with pytest.raises(OSError) as ended, files.atomic_path(tmp_path / "x.csv"):
        raise OSError(number, os.strerror(number))
    assert ended.value.filename == str(tmp_path / "x.csv")
    with pytest.raises(OSError) as ended, files.atomic_path(tmp_path / "x.csv"):
        raise OSError(number, os.strerror(number), "other")
    assert ended.value.filename == "other"
    with pytest.raises(OSError) as ended, files.atomic_path(tmp_path / "x.csv"):
        raise OSError(errno.EIO, "an image that is read")
    assert ended.value.filename is None
