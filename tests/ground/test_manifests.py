"""What a run says of itself: running, ok, failed, or interrupted."""

import os
import subprocess
import sys

from rdc_kit.ground import files
from rdc_kit.ground.files import alive
from rdc_kit.ground.manifests import (
    last_sign,
    note_of,
    read_manifest,
    read_status,
    replaced_by,
    write_manifest,
)


def test_a_manifest_begins_and_is_completed(tmp_path):
    assert read_status(tmp_path) == "never started"
    write_manifest(tmp_path, "running", name="one", parameters={"ipc": 1})
    assert read_status(tmp_path) == "running"
    write_manifest(tmp_path, "ok", seconds=3)
    facts = files.read_json(tmp_path / "manifest.json")
    assert read_status(tmp_path) == facts["status"] == "ok"
    assert (facts["name"], facts["parameters"], facts["seconds"]) == ("one", {"ipc": 1}, 3)
    assert facts["started"] <= facts["ended"]
    write_manifest(tmp_path, "running", name="two")
    assert "seconds" not in files.read_json(tmp_path / "manifest.json")  # a new beginning


def test_a_folder_tells_which_of_its_runs_the_manifest_is_of(tmp_path):
    first = write_manifest(tmp_path, "running")
    assert write_manifest(tmp_path, "failed") == first
    assert replaced_by(tmp_path, first) == ""
    second = write_manifest(tmp_path, "running")
    assert replaced_by(tmp_path, second) == ""
    assert replaced_by(tmp_path, first).startswith("this kernel has started it again at 2")
    facts = read_manifest(tmp_path)
    files.write_json(tmp_path / "manifest.json", facts | {"pid": 7})
    assert "process 7 has" in replaced_by(tmp_path, first)
    (tmp_path / "manifest.json").unlink()
    assert replaced_by(tmp_path, second) == "its manifest is gone"


def test_a_run_whose_process_is_gone_was_interrupted(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    write_manifest(tmp_path, "running")
    facts = files.read_json(tmp_path / "manifest.json")
    files.write_json(tmp_path / "manifest.json", facts | {"pid": child.pid})
    assert read_status(tmp_path) == "interrupted"
    assert not alive(child.pid)
    assert alive(child.pid, "another-host")  # cannot be seen from here


def test_the_last_sign_of_a_run_is_what_it_wrote_last(tmp_path):
    assert last_sign(tmp_path / "none") == ""
    write_manifest(tmp_path, "running")
    (tmp_path / "figure.png").touch()
    for name, seconds in (("", 10), ("manifest.json", 20), ("figure.png", 3600)):
        os.utime(tmp_path / name, (seconds, seconds))
    assert last_sign(tmp_path) == "1970-01-01T01:00:00+00:00"


def test_a_run_on_another_host_is_told_as_its_own_word(tmp_path):
    write_manifest(tmp_path, "running")
    assert note_of(read_manifest(tmp_path)) == ""
    facts = files.read_json(tmp_path / "manifest.json")
    files.write_json(tmp_path / "manifest.json", facts | {"host": "another-host"})
    assert read_status(tmp_path) == "running"
    assert "another-host, which cannot be seen" in note_of(read_manifest(tmp_path))
    write_manifest(tmp_path, "failed", error="out of luck")
    assert note_of(read_manifest(tmp_path)) == "out of luck"
