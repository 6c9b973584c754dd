"""Freed memory stays with the process, so that the next step needs no new pages."""

import subprocess
import sys

import pytest

_FAULTS = """
import resource, sys
import torch
from rdc_kit.ground.memory import keep_freed_memory

if sys.argv[1] == "keep":
    assert keep_freed_memory()
for _ in range(10):
    torch.ones(12_000_000)  # 48 MB
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    torch.ones(12_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(way):
    """Page faults of making and freeing ten tensors of 48 MB."""
    done = subprocess.run([sys.executable, "-c", _FAULTS, way], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a setting of glibc")
def test_blocks_that_were_freed_are_used_again():
    assert faults("keep") < faults("do not") / 10
