"""A plan small enough for tests."""

import subprocess

from rdc_kit.study.grid import campaign, planfile

PLAN = """
[setting.tiny]
dataset = "digits"
size = 16
student = "convnet2-w8"
precision = "fp32"

[[line]]
key = "random"
claims = ["anchor"]
setting = "tiny"
arms = ["random"]
ipc = 1
n = 3
effects = ["random"]
anchor = 50.0
family = "anchors"
priority = 2
minutes = 0.1

[[line]]
key = "easy"
claims = ["C5"]
setting = "tiny"
arms = ["random", "el2n"]
ipc = 1
n = 4
effects = ["el2n - random"]
family = "pruning"
priority = 1
minutes = 0.1
"""


def plan_in(folder, monkeypatch):
    """The plan's file in an evidence folder of its own."""
    for module in (campaign, planfile):
        monkeypatch.setattr(module, "evidence_dir", lambda: folder)
    path = folder / "plan.toml"
    path.write_text(PLAN)
    return path


def git(path, *words):
    """Git in the folder of a plan."""
    call = ["git", "-c", "user.name=x", "-c", "user.email=x@y", *words]
    done = subprocess.run(call, cwd=path.parent, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(path):
    """All that is there, committed."""
    git(path, "add", ".")
    git(path, "commit", "-qm", "as it is")
    return git(path, "rev-parse", "--short", "HEAD")
