"""Arrays on disk: what was saved comes back, and neither damage nor a pickle does."""

import contextlib
import pickle
import zipfile

import numpy as np
import pytest
import torch

from rdc_kit.ground.arrays import load_arrays, load_if_whole, save_arrays
from rdc_kit.ground.files import Damaged
from rdc_kit.train.models import build


def test_nested_values_come_back(tmp_path):
    value = {
        "model": {"weight": torch.randn(3, 2), "count": torch.tensor(4)},
        "state": {0: {"step": torch.tensor(1.5)}, 1: {}},
        "list": [None, True, 0.1, float("inf"), "text", [torch.arange(3, dtype=torch.uint8)]],
        "empty": torch.zeros(0, 4),
    }
    save_arrays(tmp_path / "a.npz", value)
    found = load_arrays(tmp_path / "a.npz")
    assert list(found) == list(value)
    assert torch.equal(found["model"]["weight"], value["model"]["weight"])
    assert found["model"]["count"].shape == ()
    assert list(found["state"]) == [0, 1]
    assert found["list"][:5] == value["list"][:5]
    assert found["list"][5][0].dtype == torch.uint8
    assert found["empty"].shape == (0, 4)


def test_an_optimiser_goes_on_from_what_was_saved(tmp_path):
    torch.manual_seed(0)
    inputs, labels = torch.randn(8, 3, 16, 16), torch.arange(8) % 2

    def made():
        model = build("convnet2-w8", 2, 16)
        return model, torch.optim.AdamW(model.parameters(), lr=0.01)

    def step(model, optimiser):
        torch.nn.functional.cross_entropy(model(inputs), labels).backward()
        optimiser.step()
        optimiser.zero_grad()

    one, other = made(), made()
    step(*one)
    save_arrays(tmp_path / "a.npz", [one[0].state_dict(), one[1].state_dict()])
    for part, state in zip(other, load_arrays(tmp_path / "a.npz"), strict=True):
        part.load_state_dict(state)
    step(*one)
    step(*other)
    for a, b in zip(one[0].parameters(), other[0].parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("value", [object(), {"a": {1, 2}}, np.array([object()])])
def test_what_is_no_number_is_not_saved(tmp_path, value):
    with pytest.raises(TypeError, match="not saved"):
        save_arrays(tmp_path / "a.npz", value)
    assert not list(tmp_path.iterdir())


def damaged(content, harm):
    middle = len(content) // 2
    return {
        "empty": b"",
        "cut": content[:-30],
        "flip": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "text": b"hello",
    }[harm]


@pytest.mark.parametrize("harm", ["empty", "cut", "flip", "text"])
def test_damage_is_noticed(tmp_path, harm):
    path = tmp_path / "a.npz"
    save_arrays(path, {"w": torch.randn(5000)})
    path.write_bytes(damaged(path.read_bytes(), harm))
    with pytest.raises(Damaged, match="cannot be read"):
        load_arrays(path)


def test_no_changed_bit_escapes_as_another_error(tmp_path):
    """In a zip's own head it was another of zipfile's errors, and nothing was set aside."""
    path = tmp_path / "a.npz"
    save_arrays(path, {"w": torch.arange(4.0)})
    content = path.read_bytes()
    for place in range(len(content)):
        for bit in (1, 64):
            path.write_bytes(content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :])
            with contextlib.suppress(Damaged):
                load_arrays(path)


class Runs:
    """Unpickled, it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (exec, (f"open({str(self.path)!r}, 'w').write('ran')",))


def test_a_pickle_does_not_run(tmp_path):
    mark = tmp_path / "ran"
    pickled = pickle.dumps(Runs(mark))
    np.save(tmp_path / "evil.npy", np.array([Runs(mark)], dtype=object), allow_pickle=True)
    torch.save({"model": Runs(mark)}, tmp_path / "torch.npz")
    (tmp_path / "plain.npz").write_bytes(pickled)
    with zipfile.ZipFile(tmp_path / "zip.npz", "w") as archive:
        archive.write(tmp_path / "evil.npy", "tree.npy")
        archive.write(tmp_path / "evil.npy", "a0.npy")
    for name in ("torch.npz", "plain.npz", "zip.npz", "evil.npy"):
        with pytest.raises(Damaged):
            load_arrays(tmp_path / name)
    assert not mark.exists()
    pickle.loads(pickled)  # it does run where pickles are read
    assert mark.exists()


def test_no_room_reads_a_pickle():
    """Weights that torchvision publishes come through torch's own checked loader."""
    from rdc_kit.ground.folders import checkout

    for path in (checkout() / "rdc_kit").rglob("*.py"):
        text = path.read_text()
        for word in ("torch.load(", "torch.save(", "allow_pickle=True", "joblib"):
            assert word not in text, (path, word)


def test_a_folder_is_not_set_aside(tmp_path):
    with pytest.raises(IsADirectoryError):
        load_if_whole(tmp_path)
    assert tmp_path.is_dir()
