"""A few of the faults that `make faults` tries in full; and the harness finds what is unsafe."""

import subprocess
import sys

from rdc_kit.ground.folders import checkout


def faults(*words):
    call = [sys.executable, "-m", "tests.faults", *words]
    return subprocess.run(call, cwd=checkout(), capture_output=True, text=True)


def test_nothing_is_lost_whatever_fails():
    done = faults("--every", "31")
    assert done.returncode == 0, done.stdout + done.stderr
    tried, lost = done.stdout.strip().splitlines()[-1].removeprefix("faults: ").split(", ")
    assert int(tried.split()[0]) > 100
    assert lost == "0 lost"


def test_what_is_written_in_place_is_found():
    done = faults("--act", "written in place")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "killed, once" in done.stdout
    assert "0 lost" not in done.stdout.splitlines()[-1]
