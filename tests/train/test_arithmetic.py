"""The arithmetic is chosen by time, only where the gain is clear, and once for a machine."""

from dataclasses import replace

import pytest
import torch

from rdc_kit.ground.device import Runtime
from rdc_kit.train import arithmetic

USUAL = Runtime(torch.device("cpu"), "bf16", channels_last=True)


@pytest.fixture
def seconds(monkeypatch, fresh_home):
    """Give every way a time per step; returns the ways that were timed."""
    timed = []

    def of(times):
        def step_seconds(runtime, student, size, limit=0.0):
            timed.append((runtime.precision, runtime.channels_last))
            return times[runtime.precision, runtime.channels_last]

        monkeypatch.setattr(arithmetic, "_step_seconds", step_seconds)
        monkeypatch.setattr(arithmetic, "has_bf16", lambda device: True)
        return timed

    return of


WAYS = {("bf16", True): 1.0, ("bf16", False): 2.0, ("fp32", True): 0.9, ("fp32", False): 3.0}


def test_the_usual_way_stays_where_another_gains_little(seconds):
    timed = seconds(WAYS)
    assert arithmetic.quickest(USUAL, "convnet3-w32", 32) is USUAL
    assert sorted(timed) == sorted(WAYS)


def test_the_quickest_way_is_taken_and_kept(seconds):
    timed = seconds(WAYS | {("fp32", False): 0.5})
    expected = replace(USUAL, precision="fp32", channels_last=False)
    assert arithmetic.quickest(USUAL, "convnet3-w32", 32) == expected
    assert arithmetic.quickest(USUAL, "convnet3-w32", 32) == expected
    assert len(timed) == 4
    assert arithmetic.quickest(USUAL, "convnet3-w32", 64) == expected  # another size, probed anew
    assert len(timed) == 8


def test_a_precision_that_was_asked_for_is_not_probed(seconds, monkeypatch):
    timed = seconds(WAYS | {("fp32", True): 0.1})
    monkeypatch.setenv("RDC_PRECISION", "bf16")
    assert arithmetic.quickest(USUAL, "convnet3-w32", 32) is USUAL
    assert not timed


def test_on_a_gpu_the_usual_way_stays(seconds):
    """Where single steps wait for Python, the quickest of them says nothing of a training."""
    timed = seconds(WAYS | {("fp32", True): 0.1})
    on_gpu = replace(USUAL, device=torch.device("cuda"))
    assert arithmetic.quickest(on_gpu, "convnet3-w32", 32) is on_gpu
    assert not timed


def test_a_real_probe_times_every_way(fresh_home):
    found = arithmetic._gains(USUAL, "convnet2-w8", 16)
    others = 3 if arithmetic.has_bf16(USUAL.device) else 2
    assert len(found) == others
    assert all(gain > 0 for *_, gain in found)


def test_unknown_networks_are_refused(fresh_home):
    with pytest.raises(ValueError, match="unknown network 'resnet7'"):
        arithmetic.quickest(USUAL, "resnet7", 32)
