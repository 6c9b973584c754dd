"""The doctor: a line per requirement, and a status that says whether all is well."""

import pytest
import torch

from rdc_kit.__main__ import main
from rdc_kit.commands import doctor


def test_doctor_is_well_here(capsys):
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    assert "[OK]   torch pair" in told
    assert "[FAIL]" not in told
    assert told.strip().splitlines()[-1] == "doctor: all is well"


def test_doctor_fails_on_a_data_folder_that_is_not_there(monkeypatch, capsys):
    monkeypatch.setenv("RDC_DATA", "/nowhere/at/all")
    assert main(["doctor"]) == 1
    assert "[FAIL] data: RDC_DATA names /nowhere/at/all" in capsys.readouterr().out


def test_no_check_hides_another(monkeypatch, capsys):
    def breaks():
        raise RuntimeError("no kernel here")

    monkeypatch.setattr(doctor, "_kernel", breaks)
    monkeypatch.setattr(doctor, "startup_line", lambda *rounds, **more: "quick")
    assert doctor.doctor() == 1
    told = capsys.readouterr().out
    assert "[FAIL] jupyter kernel: no kernel here" in told
    assert "[OK]   start: quick" in told
    assert told.strip().endswith("doctor: 1 thing(s) to fix")


def test_requirements_are_those_of_the_package_and_not_of_its_tests():
    names = {asked.name for asked in doctor.requirements()}
    assert {"torch", "torchvision", "huggingface-hub"} < names
    assert "pytest" not in names


@pytest.fixture
def card(tmp_path, monkeypatch):
    """An NVIDIA GPU and its driver, which torch does not see."""
    driver = tmp_path / "version"
    driver.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.82.01  Wed Oct 27\n")
    monkeypatch.setattr(doctor, "_DRIVER", driver)
    monkeypatch.setattr(doctor, "_CARD", tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", "13.2")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path


def test_a_gpu_that_torch_does_not_see_is_told_of(card, monkeypatch):
    with pytest.raises(RuntimeError, match=r"its driver \(470.82.01\) may be too old for"):
        doctor._gpu()
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(RuntimeError, match="this torch is built for the CPU alone: install one"):
        doctor._gpu()


def test_a_gpu_that_is_hidden_or_lent_to_others_is_nothing_to_fix(card, monkeypatch):
    monkeypatch.setattr(doctor, "_CARD", card / "missing")
    assert "none that torch sees" in doctor._gpu()
    monkeypatch.setattr(doctor, "_CARD", card)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "hides" in doctor._gpu()


def test_a_gpu_without_code_in_torch_is_told_of(card, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(doctor, "without_kernels", lambda device: "Titan is too old")
    with pytest.raises(RuntimeError, match="Titan is too old; to do without"):
        doctor._gpu()
