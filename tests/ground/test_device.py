"""Devices and precision."""

import pytest
import torch

from rdc_kit.ground import device
from rdc_kit.ground.device import choose_runtime


def test_a_missing_gpu_is_said_at_once():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ValueError, match="torch sees none"):
        choose_runtime("cuda")
    with pytest.raises(ValueError, match="unknown device 'gpu'"):
        choose_runtime("gpu")


def test_a_gpu_that_is_not_there_is_said_at_once(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ValueError, match="'cuda:7' is not there: torch sees 1 GPUs"):
        choose_runtime("cuda:7")


def test_the_precision_decides_the_type_of_results_and_the_layout():
    for precision, kind in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        runtime = choose_runtime("cpu", precision)
        with runtime.autocast():
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == kind
        assert runtime.channels_last is (precision == "bf16")
        assert precision in str(runtime)
    assert choose_runtime("cpu", "bf16").memory_format == torch.channels_last
    with pytest.raises(ValueError, match="precision must be 'auto', 'bf16' or 'fp32', got 'fp16'"):
        choose_runtime("cpu", "fp16")
    with pytest.raises(ValueError, match="device 'meta' is not supported"):
        choose_runtime("meta")


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        ("avx512_bf16 amx_bf16", "Xeon, AMX"),
        ("avx512f avx512_bf16", "Xeon, AVX-512 BF16"),
        ("avx2", "Xeon"),
    ],
)
def test_a_processor_is_named_with_what_computes_bf16(monkeypatch, flags, name):
    told = f"model name : Xeon\nflags : {flags}\n"
    monkeypatch.setattr(device.Path, "read_text", lambda self: told)
    cpu = torch.device("cpu")
    assert device.machine_name.__wrapped__(cpu) == name
    assert device.has_bf16(cpu) == ("," in name)
