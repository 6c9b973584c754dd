"""Cores and memory that a job or container allows."""

import os

import pytest

from rdc_kit.ground import limits

GB = 10**9


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Control groups of one's own: (lines of this process, files below the root)."""

    def make(lines, files):
        (tmp_path / "own").write_text("\n".join(lines) + "\n")
        (tmp_path / "root").mkdir()
        for name, text in files.items():
            path = tmp_path / "root" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")
        monkeypatch.setattr(limits, "_GROUPS", tmp_path / "own")
        monkeypatch.setattr(limits, "_ROOT", tmp_path / "root")

    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("", (), {"available": 64 * GB}))
    return make


def test_without_limits_it_is_the_machines(groups):
    groups(["0::/"], {"cpu.max": "max 100000", "memory.max": "max", "memory.current": "5"})
    assert (limits.cores(), limits.free_memory()) == (16, 64 * GB)


def test_a_containers_quota_and_limit_count(groups):
    stat = f"anon 1\ninactive_file {GB}\nfile 2"
    memory = {"memory.max": 8 * GB, "memory.current": 3 * GB, "memory.stat": stat}
    groups(["0::/"], {"cpu.max": "250000 100000", **memory})
    assert (limits.cores(), limits.free_memory()) == (2, 6 * GB)


def test_a_limit_of_a_job_above_counts(groups):
    job = {"job/cpu.max": "400000 100000", "job/step/task/cpu.max": "max 100000"}
    job |= {"job/memory.max": 4 * GB, "job/memory.current": 4 * GB, "job/step/memory.max": "max"}
    groups(["0::/job/step/task"], job)
    assert (limits.cores(), limits.free_memory()) == (4, 0)


def test_the_first_version_of_control_groups_counts(groups):
    files = {
        "cpu,cpuacct/box/cpu.cfs_quota_us": "50000",
        "cpu,cpuacct/box/cpu.cfs_period_us": "100000",
    }
    files |= {"memory/box/memory.limit_in_bytes": 2 * GB, "memory/box/memory.usage_in_bytes": GB}
    groups(["1:cpu,cpuacct:/box", "4:memory:/box", "9:name=systemd:/"], files)
    assert (limits.cores(), limits.free_memory()) == (1, GB)  # half a core


def test_without_control_groups_nothing_is_asked(groups, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "_GROUPS", tmp_path / "none")
    assert (limits.cores(), limits.free_memory()) == (16, 64 * GB)
