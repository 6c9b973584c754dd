"""What a run says of itself: running, ok, failed, or interrupted."""

import subprocess
import sys

from rdc_kit.ground import files
from rdc_kit.ground.files import alive
from rdc_kit.ground.manifests import note_of, read_manifest, read_status, write_manifest


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


def test_a_run_whose_process_is_gone_was_interrupted(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    write_manifest(tmp_path, "running")
    facts = files.read_json(tmp_path / "manifest.json")
    files.write_json(tmp_path / "manifest.json", facts | {"pid": child.pid})
    assert read_status(tmp_path) == "interrupted"
    assert not alive(child.pid)
    assert alive(child.pid, "another-host")  # cannot be seen from here


def test_a_run_on_another_host_is_told_as_its_own_word(tmp_path):
    write_manifest(tmp_path, "running")
    assert note_of(read_manifest(tmp_path)) == ""
    facts = files.read_json(tmp_path / "manifest.json")
    files.write_json(tmp_path / "manifest.json", facts | {"host": "another-host"})
    assert read_status(tmp_path) == "running"
    assert "another-host, which cannot be seen" in note_of(read_manifest(tmp_path))
    write_manifest(tmp_path, "failed", error="out of luck")
    assert note_of(read_manifest(tmp_path)) == "out of luck"
