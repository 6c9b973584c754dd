"""Devices and precision."""

import pickle

import pytest
import torch

from rdc_kit.ground import device
from rdc_kit.ground.device import Runtime, choose_runtime
from rdc_kit.ground.progress import say_once


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


@pytest.fixture
def gpu(monkeypatch):
    """A GPU that is only pretended, with the capability and for the torch that a test gives."""

    def of(capability=(8, 0), built=("sm_80", "sm_90")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
        monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: list(built))
        monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)  # torch's default
        monkeypatch.setattr(device, "machine_name", lambda device: "Titan")
        say_once.cache_clear()

    return of


def test_fp32_on_a_gpu_is_no_tf32(gpu):
    gpu()
    choose_runtime("cpu")
    assert torch.backends.cudnn.allow_tf32
    assert choose_runtime("cuda", "fp32").precision == "fp32"
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32


def test_what_torch_keeps_of_a_gpu_for_later_is_free(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (100, 1000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 70)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 20)
    assert device.free_on(torch.device("cuda")) == 150


def test_nor_is_it_in_a_process_that_a_runtime_is_sent_to(gpu):
    gpu()
    sent = pickle.dumps(device.Runtime(torch.device("cuda"), "fp32", channels_last=False))
    assert torch.backends.cudnn.allow_tf32
    assert pickle.loads(sent).precision == "fp32"
    assert not torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_no_runtime_has_more_threads_than_the_job_has_cores(gpu, monkeypatch, kind):
    gpu()
    before = torch.get_num_threads()
    monkeypatch.setattr(device, "cores", lambda: 1)
    torch.set_num_threads(2)
    try:
        choose_runtime(kind)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("capability", "built", "runs"),
    [
        ((6, 1), ["sm_75", "sm_90"], False),
        ((8, 9), ["sm_75", "sm_80"], True),  # a later card of the same generation
        ((8, 0), ["sm_86"], False),
        ((9, 0), ["sm_80"], False),
        ((9, 0), ["sm_80", "compute_80"], True),  # PTX, made into code by the driver
        ((7, 5), ["compute_80"], False),
        ((10, 3), ["sm_100a"], False),  # for this one card
        ((10, 3), ["sm_100f"], True),
        ((12, 1), ["sm_120"], True),
        ((9, 4), ["gfx942"], True),  # another maker's names say nothing of this
        ((9, 0), [], True),
    ],
)
def test_whether_torch_has_code_for_a_gpu(gpu, capability, built, runs):
    gpu(capability, built)
    assert (device.without_kernels(torch.device("cuda")) == "") is runs


def test_a_gpu_that_torch_has_no_code_for_is_left_alone_and_told_of_once(gpu, capsys):
    gpu((6, 1))
    assert [choose_runtime().device.type for _ in range(2)] == ["cpu", "cpu"]
    told = capsys.readouterr().err
    assert told.count("Titan has compute capability 6.1") == 1
    assert "(only for 8.0 to 9.0): install a torch" in told
    with pytest.raises(ValueError, match=r"Titan has compute capability 6\.1.* or use 'cpu'"):
        choose_runtime("cuda")


def test_a_network_is_placed_in_the_layout_of_its_batches():
    for channels_last in (True, False):
        runtime = Runtime(torch.device("cpu"), "fp32", channels_last)
        kernel = runtime.placed(torch.nn.Conv2d(3, 4, 3)).weight
        assert kernel.is_contiguous(memory_format=runtime.memory_format)
        assert kernel.is_contiguous() != channels_last
