"""The doctor: a line per requirement, and a status that says whether all is well."""

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
    names = doctor.requirements()
    assert any(name.startswith("torch") for name in names)
    assert not any("pytest" in name for name in names)
