"""The commands, as a user meets them: what they write, what they say, and how they exit."""

from __future__ import annotations

import ctypes
import io
import re
import runpy
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

import irgraph
from irgraph import errors, extras
from irgraph.cli import app, demo, digits, doctor, machine, main
from irgraph.parsing import parse

ROOT = Path(__file__).parent.parent
DIGITS = ROOT / "tests" / "data" / "digits.csv.gz"
PNG = b"\x89PNG"


def invoke(*arguments: object) -> tuple[int, str]:
    """The exit code and the output of a command."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def run_main(capsys: pytest.CaptureFixture[str], arguments: Sequence[object]) -> tuple[object, str]:
    """The exit code and the error output of the entry point."""
    with pytest.raises(SystemExit) as exit:
        main([str(argument) for argument in arguments])
    return exit.value.code, capsys.readouterr().err


# --------------------------------------------------------------------------------------- start


def test_version() -> None:
    assert invoke("--version") == (0, f"irgraph {irgraph.__version__}\n")


def test_alone_it_shows_help() -> None:
    code, output = invoke()
    assert code == 0
    assert "demo" in output
    assert "doctor" in output


def test_an_unknown_command_is_refused() -> None:
    assert invoke("paint")[0] == 2


# ---------------------------------------------------------------------------------------- demo


def test_demo_learns_and_exports(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    code, output = invoke("demo", "--out", tmp_path / "made" / "here", "--data", DIGITS)
    assert code == 0, output
    right = re.search(r"([\d.]+) % right", output)
    assert right
    assert float(right[1]) >= 96
    assert "8,970" in output
    assert "flops" in output
    assert "images/s" in output
    written = tmp_path / "made" / "here"
    assert sorted(path.name for path in written.iterdir()) == ["digits.onnx", "step.txt", "training.png"]
    assert (written / "training.png").read_bytes().startswith(PNG)


def test_demo_writes_a_step_that_parses_back(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    invoke("demo", "--out", tmp_path, "--data", DIGITS, "--epochs", 1)
    text = (tmp_path / "step.txt").read_text(encoding="utf-8")
    assert "digits.py:" in text.splitlines()[1]
    assert str(parse(text)).rstrip() == text.rstrip()


def test_onnx_runtime_agrees_with_the_demo(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("matplotlib")
    code, output = invoke("demo", "--out", tmp_path, "--data", DIGITS, "--seed", 3)
    assert code == 0, output
    right = re.search(r"ONNX Runtime on the held-out digits: ([\d.]+) % right, irgraph ([\d.]+) %", output)
    assert right
    assert right[1] == right[2]
    _, held_out = digits.split(digits.load(DIGITS), 3)
    session = runtime.InferenceSession(str(tmp_path / "digits.onnx"), providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"x": held_out.images})
    assert f"{100 * digits.accuracy(logits, held_out.labels):.2f}" == right[1]


def test_too_few_epochs_miss_the_target(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    code, output = invoke("demo", "--out", tmp_path, "--data", DIGITS, "--epochs", 1)
    assert code == 1
    assert "is below 96 %; more epochs may help" in output
    assert (tmp_path / "training.png").exists()


def test_equal_seeds_give_equal_runs() -> None:
    def losses(seed: int) -> list[float]:
        seen, held_out = digits.split(digits.load(DIGITS), seed)
        (epoch,) = digits.train(digits.build(seed), seen, held_out, 1, seed)
        return epoch.losses

    assert losses(5) == losses(5) != losses(6)


def test_vendored_digits_are_those_of_scikit_learn() -> None:
    pytest.importorskip("sklearn")
    ours, theirs = digits.load(DIGITS), digits.load()
    np.testing.assert_array_equal(ours.images, theirs.images)
    np.testing.assert_array_equal(ours.labels, theirs.labels)


def test_progress_bar_on_a_terminal() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    epochs = [digits.Epoch([0.5], 0.1, 0.9), digits.Epoch([0.25], 0.1, 0.975)]
    assert demo._follow(console, epochs, 2) == epochs
    assert "held-out 97.50 %" in screen.getvalue()


def test_a_disagreeing_runtime_fails_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(demo, "_replay", lambda path, images: np.zeros((len(images), 10), np.float32))
    code, output = invoke("demo", "--out", tmp_path, "--data", DIGITS)
    assert code == 1
    assert "that is too much" in output


# ------------------------------------------------------------------------------ what may be missing


def hide(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    """Make these modules impossible to import."""
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)


@pytest.mark.parametrize("package", ["sklearn", "matplotlib"])
def test_a_missing_package_is_named_with_its_extra(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if package == "sklearn":
        pytest.importorskip("matplotlib")
    hide(monkeypatch, package, "sklearn.datasets" if package == "sklearn" else "matplotlib.figure")
    code, shown = run_main(capsys, ["demo", "--out", tmp_path])
    assert code == 1
    assert shown.startswith(f"error: found no package {package!r}; needed it to ")
    assert shown.endswith('Install it: pip install "irgraph[demo]"\n')
    assert list(tmp_path.iterdir()) == []


def test_without_onnx_runtime_only_the_replay_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    hide(monkeypatch, "onnxruntime")
    code, output = invoke("demo", "--out", tmp_path, "--data", DIGITS)
    assert code == 0, output
    assert "replay skipped: found no package 'onnxruntime'" in output
    assert 'pip install "irgraph[demo]"' in output
    assert (tmp_path / "digits.onnx").stat().st_size > 4 * 8970


def test_a_broken_package_is_not_called_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "half_installed.py").write_text("import its_own_dependency_that_is_gone\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(extras.MissingExtra, match=r"whose import fails .*its_own_dependency_that_is_gone"):
        extras.import_extra("half_installed", "demo", "show something")


# ------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("1,2,3\n", "3 columns"),
        ("one,two\n", "could not convert string 'one'"),
        (",".join(["0"] * 65) + "\n", "1 rows"),
        ((",".join(["17"] * 64) + ",0\n") * 200, "a pixel outside 0..16"),
        ((",".join(["1"] * 64) + ",10\n") * 200, "a label outside 0..9"),
    ],
)
def test_bad_data_is_explained(
    text: str, fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    data = tmp_path / "digits.csv"
    data.write_text(text)
    code, shown = run_main(capsys, ["demo", "--out", tmp_path, "--data", data])
    assert code == 1
    assert shown.startswith("error: found ")
    assert fault in shown
    assert str(data) in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize(
    "arguments", [["--epochs", 0], ["--seed", -1], ["--data", "nowhere.csv"], ["--out", __file__]]
)
def test_bad_options_are_refused(arguments: list[object]) -> None:
    assert invoke("demo", *arguments)[0] == 2


def test_a_folder_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "file").touch()
    code, shown = run_main(capsys, ["demo", "--out", tmp_path / "file" / "out", "--data", DIGITS])
    assert code == 1
    assert shown.startswith("error: ")
    assert "file" in shown


def test_errors_show_their_notes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*_: object) -> bool:
        error = errors.GraphError("found a fault; needed none.")
        error.add_note("operand 0 is [x]")
        raise error

    monkeypatch.setattr(demo, "run", fail)
    assert run_main(capsys, ["demo"]) == (1, "error: found a fault; needed none.\n  operand 0 is [x]\n")


# -------------------------------------------------------------------------------------- doctor


def test_doctor_tells_versions_executors_and_extras() -> None:
    code, output = invoke("doctor")
    assert code == 0
    for word in (
        irgraph.__version__,
        np.__version__,
        "BLAS threads",
        "cores",
        "irgraph_numpy",
        "runtime",
        "demo",
    ):
        assert word in output


def test_doctor_names_what_a_missing_extra_would_bring(monkeypatch: pytest.MonkeyPatch) -> None:
    real = machine.version_of
    monkeypatch.setattr(machine, "version_of", lambda name: None if name == "onnxruntime" else real(name))
    code, output = invoke("doctor")
    assert code == 0
    assert re.search(
        r"runtime +missing +onnxruntime *\n.*to check them *\n +pip install \"irgraph\[runtime\]\"", output
    )


def test_every_extra_says_what_it_brings() -> None:
    assert [extra.name for extra in machine.extras() if not extra.brings] == []
    assert {"runtime", "demo", "dev", "peers"} <= {extra.name for extra in machine.extras()}


def test_doctor_shows_why_an_executor_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoints([EntryPoint("mine", "a_package_that_is_gone:Executor", "irgraph.executors")])
    monkeypatch.setattr(machine, "entry_points", lambda group: broken)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: broken)
    code, output = invoke("doctor")
    assert code == 1
    assert "No module named 'a_package_that_is_gone'" in output
    assert "default executor does not work" in output


def test_threads_come_from_the_environment_without_threadpoolctl(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "threadpoolctl")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    assert "OPENBLAS_NUM_THREADS=3" in machine.blas()[1]
    for name in machine.THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert machine.blas()[1].startswith("one for each core")


class Driver:
    """A CUDA driver with one device, as ctypes shows it."""

    def cuInit(self, flags: int) -> int:
        return 0

    def cuDeviceGetCount(self, count: Any) -> int:
        count._obj.value = 1
        return 0

    def cuDriverGetVersion(self, number: Any) -> int:
        number._obj.value = 12080
        return 0

    def cuDeviceGet(self, device: Any, number: int) -> int:
        device._obj.value = number
        return 0

    def cuDeviceGetName(self, name: ctypes.Array[ctypes.c_char], size: int, device: Any) -> int:
        name.value = b"Test GPU"
        return 0

    def cuDeviceTotalMem_v2(self, memory: Any, device: Any) -> int:
        memory._obj.value = 80 * 2**30
        return 0


def test_devices_come_from_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_load_driver", Driver)
    hide(monkeypatch, "cupy")
    assert machine.devices() == [
        machine.Found("CUDA 0", True, "Test GPU, 80.0 GiB, driver for CUDA 12.8"),
        machine.Found("CuPy", False, "not installed"),
    ]


def test_no_driver_and_a_driver_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> Any:
        raise OSError("libcuda.so.1: cannot open shared object file")

    monkeypatch.setattr(machine, "_load_driver", absent)
    assert "no NVIDIA driver" in machine.devices()[0].detail
    monkeypatch.setattr(Driver, "cuInit", lambda self, flags: 100)
    monkeypatch.setattr(machine, "_load_driver", Driver)
    assert "CUDA error 100" in machine.devices()[0].detail


def test_doctor_prints_in_a_narrow_ascii_terminal() -> None:
    screen = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    assert doctor.run(Console(file=screen, width=40, markup=False))


# ------------------------------------------------------------------------------------- example


def test_the_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    examples = digits.load(DIGITS)
    stand_in: Any = ModuleType("sklearn.datasets")
    stand_in.load_digits = lambda return_X_y: (examples.images * 16, examples.labels)
    monkeypatch.setitem(sys.modules, "sklearn", ModuleType("sklearn"))
    monkeypatch.setitem(sys.modules, "sklearn.datasets", stand_in)
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(ROOT / "examples" / "digits.py"))
    printed = capsys.readouterr().out
    right = re.findall(r"val_accuracy ([\d.]+)", printed)
    assert len(right) == 20
    assert float(right[-1]) >= 0.95
    assert (tmp_path / "digits.onnx").exists()
