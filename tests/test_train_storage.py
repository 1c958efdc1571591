"""Checkpoints on disk: whatever happens to a file or in the middle of a write, a whole one is left."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import irgraph as ig
from irgraph.errors import CheckpointError, GraphError
from irgraph.train import storage

Array = np.ndarray[Any, Any]
ARRAYS: dict[str, Array] = {
    "turned": np.arange(6.0).reshape(2, 3).T,
    "scalar": np.array(3, "int64"),
    "bfloat16": np.array([1.5, np.nan, -0.0], ml_dtypes.bfloat16),
    "float16": np.array([[1.5, np.inf]], "float16"),
    "complex128": np.array([[1 + 2j]], "complex128"),
    "complex64": np.array(1j, "complex64"),
    "empty": np.zeros((0, 3), "float32"),
    "bools": np.array([True, False]),
    "bytes": np.arange(3, dtype="uint8"),
    "big endian": np.arange(3, dtype=">f4"),
}


needs_posix = pytest.mark.skipif(os.name != "posix", reason="needs signals and limits of POSIX systems")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def save_numbers(folder: Path, *numbers: int) -> None:
    for number in numbers:
        storage.save(folder, {"w": np.full(100, number)}, {"number": number})


def loaded_number(folder: Path) -> int:
    """The number of the checkpoint that `load` takes, both of whose files are looked at."""
    found = storage.load(folder)
    assert (found.arrays["w"] == found.metadata["number"]).all()
    return int(found.metadata["number"])


# ------------------------------------------------------------------------------------ what is kept


def test_arrays_of_all_dtypes_come_back_bit_for_bit(tmp_path: Path) -> None:
    storage.save(tmp_path, ARRAYS, {"nested": {"list": [1, 2.5, None, "text"]}, "nan": float("nan")})
    found = storage.load(tmp_path)
    assert list(found.arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        back = found.arrays[name]
        assert back.dtype == array.dtype.newbyteorder("=")
        assert back.shape == array.shape
        assert back.tobytes() == array.astype(back.dtype).tobytes()
        back[...] = 0  # they may be written to
    assert found.metadata["nested"] == {"list": [1, 2.5, None, "text"]}
    assert np.isnan(found.metadata["nan"])


def test_others_read_the_tensors(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    path = storage.save(tmp_path, {"w": ARRAYS["turned"]}, {})
    np.testing.assert_array_equal(load_file(path.with_suffix(".safetensors"))["w"], ARRAYS["turned"])


def test_the_newest_are_kept(tmp_path: Path) -> None:
    save_numbers(tmp_path, 1, 2, 3)
    assert names(tmp_path) == [f"0000000{n}{end}" for n in (2, 3) for end in (".json", ".safetensors")]
    assert loaded_number(tmp_path) == 3
    storage.save(tmp_path, {}, {}, keep=1)
    assert names(tmp_path) == ["00000004.json", "00000004.safetensors"]
    (tmp_path / "notes.txt").write_text("mine")
    storage.save(tmp_path, {}, {}, keep=1)
    assert "notes.txt" in names(tmp_path)


def test_one_of_several_can_be_loaded(tmp_path: Path) -> None:
    save_numbers(tmp_path, 1, 2)
    assert storage.load(tmp_path / "00000001.json").metadata == {"number": 1}


def test_metadata_that_json_cannot_hold(tmp_path: Path) -> None:
    save_numbers(tmp_path, 1)
    with pytest.raises(CheckpointError, match=r"metadata that JSON can't hold .*needed text, numbers"):
        storage.save(tmp_path, {}, {"object": object()})
    assert loaded_number(tmp_path) == 1


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()])
def test_nothing_to_load(tmp_path: Path, make: Any) -> None:
    folder = tmp_path / "runs"
    make(folder)
    assert not storage.exists(folder)
    with pytest.raises(CheckpointError, match=r"no checkpoint in .*runs; needed a folder with one"):
        storage.load(folder)


# ------------------------------------------------------------------------------------ damaged files


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


DAMAGES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "tensors truncated": (truncate, ".safetensors", r"has \d+ bytes of \d+"),
    "tensors flipped": (flip, ".safetensors", "the checksum of 00000002.safetensors is another"),
    "tensors emptied": (empty, ".safetensors", "has 0 bytes of"),
    "tensors longer": (lengthen, ".safetensors", r"has \d+ bytes of \d+"),
    "tensors gone": (Path.unlink, ".safetensors", "can't be read: No such file"),
    "JSON truncated": (truncate, ".json", "its JSON is truncated or has changed"),
    "JSON flipped": (flip, ".json", "its JSON is truncated or has changed"),
    "JSON emptied": (empty, ".json", "its JSON is truncated or has changed"),
    "JSON longer": (lengthen, ".json", "its JSON is truncated or has changed"),
    "JSON gone": (Path.unlink, ".json", "it was never finished: its JSON file is missing"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_checkpoint_is_refused_and_the_one_before_used(tmp_path: Path, name: str) -> None:
    damage, suffix, why = DAMAGES[name]
    save_numbers(tmp_path, 1, 2)
    damage(tmp_path / f"00000002{suffix}")
    with pytest.warns(RuntimeWarning, match=rf"damaged checkpoint(.|\n)*{why}(.|\n)*00000001.json, is used"):
        assert loaded_number(tmp_path) == 1
    with pytest.raises(CheckpointError, match=why):
        storage.load(tmp_path / "00000002.json")
    save_numbers(tmp_path, 3)
    assert loaded_number(tmp_path) == 3


def test_every_changed_byte_of_the_json_is_noticed(tmp_path: Path) -> None:
    path = storage.save(tmp_path, {"w": np.ones(2)}, {"epoch": 3})
    whole = path.read_bytes()
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 1 << position % 8
        path.write_bytes(bytes(changed))
        with pytest.raises(CheckpointError):
            storage.load(path)


def test_all_damaged(tmp_path: Path) -> None:
    save_numbers(tmp_path, 1, 2)
    flip(tmp_path / "00000001.safetensors")
    truncate(tmp_path / "00000002.json")
    with pytest.raises(CheckpointError) as caught:
        storage.load(tmp_path)
    assert "00000002.json: its JSON is truncated" in str(caught.value)
    assert "00000001.json: the checksum of 00000001.safetensors" in str(caught.value)


def test_a_newer_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "FORMAT", 2)
    storage.save(tmp_path, {}, {})
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match=r"of format 2, written by irgraph .*; needed format 1"):
        storage.load(tmp_path)


# ----------------------------------------------------------------------------- failures while saving


@pytest.mark.parametrize(
    ("function", "moment"),
    [*(("fsync", n) for n in range(4)), ("replace", 0), ("replace", 1), ("open", 0), ("open", 1)],
)
def test_a_full_disk_keeps_what_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, moment: int
) -> None:
    """At any call of the system that writes."""
    save_numbers(tmp_path, 1)
    calls = 0
    original = getattr(os, function)

    def full(*arguments: Any, **keywords: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == moment + 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(*arguments, **keywords)

    monkeypatch.setattr(os, function, full)
    with pytest.raises(CheckpointError, match=r"No space left(.|\n)*is kept: .*00000001.json"):
        save_numbers(tmp_path, 2)
    monkeypatch.undo()
    assert calls == moment + 1
    assert names(tmp_path) == ["00000001.json", "00000001.safetensors"]
    assert loaded_number(tmp_path) == 1
    save_numbers(tmp_path, 2)
    assert loaded_number(tmp_path) == 2


FILE_LIMIT = """
import resource, signal, sys, numpy as np
from irgraph.train import storage
from irgraph.errors import CheckpointError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    storage.save(sys.argv[1], {"w": np.zeros(100_000)}, {})
except CheckpointError as error:
    sys.stdout.write(str(error))
"""


@needs_posix
def test_a_file_that_the_system_refuses_to_lengthen(tmp_path: Path) -> None:
    """A write that stops in the middle of the file, as on a full disk."""
    save_numbers(tmp_path, 1)
    command = [sys.executable, "-c", FILE_LIMIT, str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "File too large while writing a checkpoint" in told
    assert names(tmp_path) == ["00000001.json", "00000001.safetensors"]
    assert loaded_number(tmp_path) == 1


KILLS = """
import os, pathlib, signal, sys, numpy as np
from irgraph.train import storage

def killed_at(moment):
    calls = 0
    def killing(original):
        def call(*arguments, **keywords):
            nonlocal calls
            calls += 1
            if calls == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments, **keywords)
        return call
    for owner, name in ((os, "fsync"), (os, "replace"), (os, "open"), (pathlib.Path, "unlink")):
        setattr(owner, name, killing(getattr(owner, name)))

for moment in range(1, 30):
    child = os.fork()
    if child == 0:
        killed_at(moment)
        storage.save(f"{sys.argv[1]}/{moment}", {"w": np.full(100, 3)}, {"number": 3})
        os._exit(0)
    sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])} ")
"""


@needs_posix
def test_a_kill_between_any_two_calls_of_the_system(tmp_path: Path) -> None:
    """The checkpoint before is there until the new one is; and the next save is not disturbed."""
    for moment in range(1, 30):
        save_numbers(tmp_path / str(moment), 1, 2)
    command = [sys.executable, "-W", "ignore", "-c", KILLS, str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    codes = [int(code) for code in told.split()]
    killed = codes.count(-signal.SIGKILL)
    assert codes == [-signal.SIGKILL] * killed + [0] * (29 - killed)
    found = []
    for moment in range(1, killed + 2):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            found.append(loaded_number(tmp_path / str(moment)))
        save_numbers(tmp_path / str(moment), 4)
        assert loaded_number(tmp_path / str(moment)) == 4
        assert len(names(tmp_path / str(moment))) == 4
    assert sorted(found) == found
    assert {2, 3} == set(found)
    assert killed > 8


def test_an_interrupt_while_saving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_numbers(tmp_path, 1)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_numbers(tmp_path, 2)
    assert names(tmp_path) == ["00000001.json", "00000001.safetensors"]


# ------------------------------------------------------------------------------------------- states


def function(**shapes: Any) -> ig.Function:
    values = {name: ig.parameter(name, shape, init=1.0) for name, shape in shapes.items()}
    return ig.compile(values)


def test_a_state_comes_back(tmp_path: Path) -> None:
    one, two = function(w=(2, 3), b=(3,)), function(w=(2, 3), b=(3,))
    one.state["w"] = np.arange(6.0, dtype="float32").reshape(2, 3)
    ig.train.save_state(tmp_path, one.state)
    ig.train.load_state(tmp_path, two.state)
    for name in one.state:
        np.testing.assert_array_equal(two.state[name], one.state[name])


def test_some_variables(tmp_path: Path) -> None:
    one, two = function(w=(2,), b=(3,)), function(w=(2,), other=(5,))
    one.state["w"] = [5.0, 6.0]
    ig.train.save_state(tmp_path, one.state)
    ig.train.load_state(tmp_path, two.state, ["w"])
    assert two.state["w"].tolist() == [5.0, 6.0]
    ig.train.save_state(tmp_path / "w", one.state, ["w"])
    assert list(storage.load(tmp_path / "w").arrays) == ["state/w"]
    with pytest.raises(GraphError, match="no state variable 'nope'"):
        ig.train.load_state(tmp_path, two.state, ["nope"])


def test_a_checkpoint_of_another_model_says_what_differs(tmp_path: Path) -> None:
    ig.train.save_state(tmp_path, function(w=(2, 3), b=(3,), old=(1,)).state)
    state = function(w=(2, 4), b=(3,), new=(7,)).state
    with pytest.raises(CheckpointError) as caught:
        ig.train.load_state(tmp_path, state)
    told = str(caught.value)
    assert "which is of another model: it lacks new float32[7]; it has besides old float32[1]; " in told
    assert "of other types: w is float32[2, 3], and float32[2, 4] in the state" in told
    assert all((state[name] == 1).all() for name in state)


def test_wrong_arguments(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="keep=0; needed at least 1"):
        storage.save(tmp_path, {}, {}, keep=0)
    with pytest.raises(ig.errors.DTypeError, match=r"save_state with state=3; needed .*State"):
        ig.train.save_state(tmp_path, 3)  # type: ignore[arg-type]
