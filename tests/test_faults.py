"""A few of the faults that `make faults` tries in full; and the harness finds what is unsafe."""

import re
import subprocess
import sys

from rdc_kit.ground.folders import checkout


def faults(*words):
    call = [sys.executable, "-m", "tests.faults", *words]
    return subprocess.run(call, cwd=checkout(), capture_output=True, text=True)


def test_nothing_is_lost_whatever_fails():
    done = faults("--every", "41")
    assert done.returncode == 0, done.stdout + done.stderr
    tried, lost = re.findall(r"(\d+) (?:tried|lost)", done.stdout.splitlines()[-1])
    assert int(tried) > 100
    assert lost == "0"


def test_what_is_written_in_place_is_found():
    done = faults("--act", "written in place")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "killed, once" in done.stdout
    assert " 0 lost" not in done.stdout.splitlines()[-1]


def test_what_is_killed_and_started_again_ends_as_if_nothing_had_happened():
    call = [sys.executable, "-m", "tests.faults.soak", "--minutes", "0.05", "--jobs", "grid"]
    done = subprocess.run(call, cwd=checkout(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith(" rounds, 0 lost")
