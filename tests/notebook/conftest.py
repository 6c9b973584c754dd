"""A run of the smallest kind, for tests of exercises that train."""

import pytest

import rdc_kit as rdc


@pytest.fixture
def smoke_run(fresh_home, monkeypatch):
    """Digits at 16 px and one epoch."""
    monkeypatch.setenv("RDC_NOTEBOOK", "tiny")
    monkeypatch.delenv("RDC_RUN_DIR", raising=False)
    return rdc.start(dataset="digits", profile="smoke", size=16, epochs=1, ipc=1, grid=2)
