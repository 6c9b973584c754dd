"""The way before: another process, with the old steps, that leaves this one alone."""

import os

from torch import nn

from rdc_kit.commands.speed_before import in_the_old_way
from rdc_kit.ground import memory
from rdc_kit.ground.device import choose_runtime
from rdc_kit.train import accuracy, models


def way_of_a_process():
    """What differs between the two ways, as this process has it."""
    choose_runtime("cpu")
    relus = [m for m in models.build("convnet2-w8", 2, 8).modules() if isinstance(m, nn.ReLU)]
    return {
        "in place": relus[0].inplace,
        "own norm": models.GroupNorm.forward is not nn.GroupNorm.forward,
        "batch": accuracy.CPU_BATCH,
        "spins": os.environ["GOMP_SPINCOUNT"],
        "memory": memory.keep_freed_memory.cache_info().currsize,
        "process": os.getpid(),
    }


def test_the_old_way_is_another_process_and_ends_with_it():
    now = way_of_a_process()
    old = in_the_old_way(way_of_a_process)
    assert way_of_a_process() == now
    assert old.pop("process") != now["process"]
    expected = {"in place": True, "own norm": False, "batch": 256, "spins": "300000", "memory": 0}
    assert old == expected
    assert (now["in place"], now["own norm"], now["batch"], now["memory"]) == (False, True, 32, 1)
