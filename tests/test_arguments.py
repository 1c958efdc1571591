"""Arguments of wrong types: named with the user's line, and never an error from inside irgraph."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.arguments import checked
from irgraph.errors import IrgraphError

X = ig.input("x", (3, 4, 4))
INDEX = ig.input("i", (3, 4, 4), "int64")
WRONG: list[Any] = [
    "word",
    None,
    3.5,
    object(),
    {"k": 1},
    [1, "a"],
    b"x",
    -5,
    (),
    (1.5,),
    1 + 2j,
    np.array("s"),
]

NOTHING = ig.init.constant(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ig.dropout(X, "a", name="d"), r"dropout with rate='a'; needed float"),  # type: ignore[arg-type]
        (lambda: ig.dropout(X, 0.5, name=3), r"dropout with name=3; needed str"),  # type: ignore[arg-type]
        (lambda: X.sum(axis=3.5), r"sum with axis=3.5; needed int \| Sequence\[int\] \| None"),  # type: ignore[arg-type]
        (lambda: ig.pad(X, 3), r"pad with widths=3; needed Sequence\[tuple\[int, int\]\]"),  # type: ignore[arg-type]
        (lambda: ig.compile(X, executor=3), r"executor 3, which has no name, has_kernel"),  # type: ignore[arg-type]
        (lambda: ig.compile(X, state={}), r"compile with state=\{\}; needed State \| None"),  # type: ignore[arg-type]
        (lambda: ig.optim.SGD("a"), r"SGD with learning_rate='a'; needed float"),  # type: ignore[arg-type]
        (lambda: ig.optim.SGD(0.1).minimize("a"), r"minimize with loss='a'; needed Value"),  # type: ignore[arg-type]
        (lambda: ig.onnx.save(ig.compile(X * 1), None), r"save with path=None; needed str \| PathLike"),  # type: ignore[arg-type]
        (lambda: ig.reshape(X, "a b"), r"the size 'a b'; needed an integer, a name"),
        (lambda: ig.linspace("a", 1), r"linspace with start='a'; needed Value \| float"),  # type: ignore[arg-type]
        (lambda: ig.constant("12", "float32"), r"dtype <U2; needed numbers or bools"),
        (lambda: ig.linalg.multi_dot(()), r"multi_dot of 0; needed at least two"),
        (lambda: X.__setitem__(0, 1), r"an assignment to elements of <x"),
        (lambda: float(X), r"<x : .*> as a Python number"),
        (lambda: ig.compile(X).state.__setitem__("w", 1), r"no state variable 'w'"),
        (lambda: ig.onnx.to_model(ig.compile(X * 1), opset=9), r"opset 9; needed one from"),
        (lambda: ig.compile(ig.input("n", ("n",))).memory(n="x"), r"n='x'; needed sizes"),  # type: ignore[arg-type]
        (lambda: ig.compile(ig.parameter("w", (), init=NOTHING)), r"dtype object; needed numbers"),
        (lambda: ig.compile(X, executor="nope"), r"executor 'nope'; needed an installed one"),
    ],
)
def test_a_wrong_argument_is_named_with_the_line(call: Callable[[], object], message: str) -> None:
    with pytest.raises(IrgraphError, match=message) as caught:
        call()
    assert f"At {__file__}:" in str(caught.value)


def calls(function: Callable[..., Any]) -> Iterator[dict[str, Any]]:
    """Keyword arguments in which all are plausible but one."""
    parameters = [
        p for p in inspect.signature(function).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    parameters += [p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
    required = [p.name for p in parameters if p.default is p.empty]
    for usual in (X, INDEX, (2, 3), 2, [X, X], "k"):
        for parameter in parameters:
            for wrong in WRONG:
                yield {**dict.fromkeys(required, usual), parameter.name: wrong}


ABSTRACT = {"Clip", "Optimizer", "Rule", "Schedule"}
PUBLIC = [
    *(getattr(ig, name) for name in ig.__all__ if inspect.isfunction(getattr(ig, name))),
    *(getattr(ig.linalg, name) for name in ig.linalg.__all__),
    *(getattr(ig.optim, name) for name in ig.optim.__all__ if name not in ABSTRACT),
]


@pytest.mark.parametrize("function", PUBLIC, ids=lambda function: str(function.__name__))
def test_no_argument_fails_inside(
    function: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # draw(path="a") writes
    for keywords in calls(function):
        try:
            function(**keywords)
        except IrgraphError:
            pass
        except TypeError as error:  # Python's words for arguments that are missing or too many
            assert "argument" in str(error), keywords  # noqa: PT017


def test_a_fault_within_stays_what_it_is() -> None:
    def broken(x: int) -> int:
        return [][x]

    with pytest.raises(IndexError):
        checked(broken)(3)


def test_a_file_in_no_folder_is_refused_by_its_own_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no folder .*lost; needed one for the file"):
        ig.onnx.save(ig.compile(X * 1), tmp_path / "lost" / "model.onnx")


def test_what_onnxruntime_lacks_can_be_written_unchecked(tmp_path: Path) -> None:
    f = ig.compile(ig.input("a", (2, 2), "bfloat16") @ ig.parameter("w", (2, 2), "bfloat16"))
    with pytest.raises(IrgraphError, match=r"check=False"):
        ig.onnx.save(f, tmp_path / "low.onnx")
    assert not ig.onnx.save(f, tmp_path / "low.onnx", check=False).checked


def test_one_parameter_may_be_given_alone() -> None:
    w = ig.parameter("w", (2,))
    loss = ig.sum(w * w)
    assert [variable for variable, _ in ig.optim.SGD(0.1).minimize(loss, w)] == [w]
    with pytest.raises(IrgraphError, match="3 in parameters"):
        ig.optim.SGD(0.1).minimize(loss, [3])


def test_a_dim_has_a_name_of_text() -> None:
    with pytest.raises(IrgraphError, match="dim name 3"):
        ig.Dim.of(3)  # type: ignore[arg-type]
