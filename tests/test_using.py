"""Files of one's own: what they replace is told, and what is no entry of its registry refused."""

import pytest

from rdc_kit import using
from rdc_kit.__main__ import main
from rdc_kit.ground import own
from rdc_kit.methods import METHODS
from rdc_kit.prune.metrics import METRICS
from rdc_kit.train import protocols
from rdc_kit.train.models import NETWORKS
from rdc_kit.using import use


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    """The registries, and what was used."""
    monkeypatch.setattr(own, "_used", {})
    monkeypatch.setattr(using, "_put", {})
    monkeypatch.setenv("RDC_USE", "")
    known = (METHODS, METRICS, protocols.NAMED, NETWORKS)
    before = [dict(registry) for registry in known]
    yield
    for registry, entries in zip(known, before, strict=True):
        registry.clear()
        registry.update(entries)


def written(path, text):
    path.write_text(text)
    return str(path)


def test_what_a_file_replaces_is_told(tmp_path, capsys):
    """The kit's PCA was another one without a word."""
    lines = "from rdc_kit.methods import METHODS\nfrom dataclasses import replace\n"
    path = written(tmp_path / "a.py", lines + "METHODS['pca'] = replace(METHODS['pca'])\n")
    use(path)
    assert capsys.readouterr().err == f"{path} replaces method pca\n"
    use(path)  # it is not run again
    assert capsys.readouterr().err == ""
    added = lines + "METHODS['mine'] = replace(METHODS['pca'])\n"
    use(written(tmp_path / "b.py", added))
    assert capsys.readouterr().err == ""
    use(written(tmp_path / "b.py", added + "# changed in a notebook, and used again\n"))
    assert capsys.readouterr().err == ""
    path = written(tmp_path / "c.py", added)
    use(path)
    assert capsys.readouterr().err == f"{path} replaces method mine\n"


def test_a_file_that_adds_nothing_is_told_before_a_name_is_unknown(tmp_path, capsys):
    path = written(tmp_path / "noreg.py", "def noreg(pool, ipc, seed, runtime):\n    return pool\n")
    call = ["compress", "noreg", "--out", str(tmp_path / "set"), "--use", path]
    assert main(call) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"{path} adds nothing to what the kit knows (method, score, protocol,")
    assert second.startswith("compress: unknown method 'noreg'")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("METRICS['mine'] = 3", r"METRICS\['mine'\] must be a Metric, not a int"),
        ("NAMED['brief'] = hard()", r"protocols.NAMED\['brief'\] must be a function, not a Prot"),
    ],
)
def test_an_entry_of_another_kind_is_refused(tmp_path, line, told):
    lines = "from rdc_kit.prune.metrics import METRICS\n"
    lines += "from rdc_kit.train.protocols import NAMED, hard\n"
    with pytest.raises(ValueError, match=told):
        use(written(tmp_path / "a.py", f"{lines}{line}\n"))
