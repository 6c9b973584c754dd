"""Memory of a training, foretold: by counting, and against a process that really trains."""

import subprocess
import sys

import pytest
from torch import nn

from rdc_kit.train import models
from rdc_kit.train.footprint import training_bytes

_TRAIN = """
import re
from pathlib import Path
import psutil
from rdc_kit.commands.speed_growth import made_up
from rdc_kit.ground.device import choose_runtime
from rdc_kit.train import protocols
from rdc_kit.train.training import fit

runtime = choose_runtime("cpu", "fp32")
fit(made_up(8, 2, 8), protocols.hard(epochs=1), "convnet2-w8", 0, runtime)
before = psutil.Process().memory_info().rss
fit(made_up(100, 10, 64), protocols.hard(epochs=3, batch=100), "convnet3-w64", 0, runtime)
status = Path("/proc/self/status").read_text()
print(1024 * int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak as Linux tells it")
def test_a_training_takes_about_as_much_as_foretold():
    foretold = training_bytes("convnet3-w64", 64, 100, 10, "fp32")
    shares = []
    for _ in range(3):  # a heap has its moods, and fp32 its copies
        done = subprocess.run([sys.executable, "-c", _TRAIN], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        shares.append(int(done.stdout) / foretold)
        if 0.5 < shares[-1] < 2:
            break
    else:
        raise AssertionError(shares)


def test_activations_grow_with_the_batch_and_weights_do_not():
    one, two, three = (training_bytes("resnet18", 32, batch, 10, "fp32") for batch in (8, 16, 24))
    assert three - two == pytest.approx(two - one, rel=0.01)
    assert one > 16 * 11_181_642  # ResNet-18 of 10 classes, with gradients and AdamW


def test_half_precision_needs_less():
    full, half = (training_bytes("convnet3-w128", 64, 64, 10, p) for p in ("fp32", "bf16"))
    assert half < 0.8 * full


def test_unknown_networks_are_refused():
    with pytest.raises(ValueError, match="unknown network"):
        training_bytes("resnet7", 32, 8, 10, "fp32")


@pytest.mark.parametrize("name", [*models.RESNETS[:1], *models.LIGHT, *models.LAYER_NORMED])
def test_every_kind_of_network_is_counted(name):
    """Some draw their weights by looking at them, and there is nothing to see without numbers."""
    name += "-small"
    weights = sum(p.numel() for p in models.build(name, 10, 32).parameters())
    one, two = (training_bytes(name, 32, batch, 10, "bf16") for batch in (4, 8))
    assert two > one > 16 * weights


def test_a_network_of_ones_own_may_draw_as_it_likes(monkeypatch):
    def linear(classes, size):
        layer = nn.Linear(3 * size**2, classes)
        nn.init.trunc_normal_(layer.weight, std=0.02)
        return nn.Sequential(nn.Flatten(), layer)

    monkeypatch.setitem(models.NETWORKS, "drawn", linear)
    expected = 16 * (3 * 8**2 * 10 + 10) + 4 * 3 * 3 * 8**2 * 5  # weights, and thrice 5 images
    assert training_bytes("drawn", 8, 5, 10, "fp32") == pytest.approx(1.3 * expected, rel=0.5)
