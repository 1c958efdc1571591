"""Attributes of every kind through text and back, and what `parse` says of text that is wrong."""

from __future__ import annotations

import base64
import math
import pickle
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from irgraph.attributes import ArrayData, attribute_class, attribute_text
from irgraph.dims import Dim
from irgraph.errors import GraphError
from irgraph.graph import Graph
from irgraph.local_jacobian import Grid, NotDifferentiable
from irgraph.op import Op
from irgraph.origin import Origin
from irgraph.printing import excerpt, parse, to_text
from irgraph.types import DTYPES, TensorType, bfloat16, float32
from irgraph.value import Node, Value

n = Dim.of("n")
HERE = Origin("/home/me/train.py", 3)


@dataclass(frozen=True)
class Everything(Op):
    name: ClassVar[str] = "test_parse_everything"
    value: Any

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (TensorType(float32, ()),)

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        return [[NotDifferentiable("a test") for _ in inputs] for _ in outputs]


@attribute_class("test_parse_uniform")
@dataclass(frozen=True)
class Uniform:
    low: float = 0.0
    around: Any = None


def holding(value: object) -> Graph:
    return Graph({"y": Node(Everything(value), (), origin=HERE).outputs[0]})


def same(graph: Graph, again: Graph) -> None:
    assert again.structure() == graph.structure()
    assert to_text(again) == to_text(graph)


sizes = st.sampled_from([n, 2 * n + 1, n // 2, -n, 3, 0, Dim.of("inf"), -Dim.of("nan"), Dim.of("float32")])
plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    sizes,
    st.sampled_from(list(DTYPES.values())),
    st.builds(TensorType, st.sampled_from(list(DTYPES.values())), st.lists(sizes, max_size=3).map(tuple)),
    arrays.arrays(
        st.sampled_from([dtype.numpy for dtype in DTYPES.values() if dtype is not bfloat16]),
        arrays.array_shapes(min_dims=0, min_side=0),
    ).map(ArrayData),
    arrays.arrays(np.float32, arrays.array_shapes(min_dims=0, min_side=0), elements=st.floats(width=16)).map(
        lambda array: ArrayData(array.astype(bfloat16.numpy))
    ),
)
attributes = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple), st.builds(Uniform, st.floats(allow_nan=False), inner)
    ),
    max_leaves=6,
)


@given(attributes)
def test_every_attribute_reads_back(value: object) -> None:
    graph = holding(value)
    same(graph, parse(to_text(graph)))
    again = parse(to_text(graph)).nodes[0].op.attributes()["value"]
    assert type(again) is type(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-0.0, "-0.0"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (math.nan, "nan"),
        (1e-45, "1e-45"),
        (np.float32(0.5), "0.5"),
        (np.int64(3), "3"),
        ((1,), "(1,)"),
        ("[]", "'[]'"),
        (Dim.of("inf"), "1*inf"),
        (-Dim.of("inf"), "-1*inf"),
        (TensorType(float32, ()), "float32[]"),
        (Uniform(-1.5, (n,)), "test_parse_uniform(low=-1.5, around=(n,))"),
        (ArrayData(np.array([0.1, 1e20], np.float32)), "array(float32[2], [0.1, 1e+20])"),
        (ArrayData(np.array([True, False])), "array(bool[2], [True, False])"),
        (ArrayData(np.zeros((0, 2))), "array(float64[0, 2], [])"),
        (ArrayData(np.array([math.nan, -math.inf, -0.0])), "array(float64[3], [nan, -inf, -0.0])"),
        (ArrayData(np.int64(-3)), "array(int64[], [-3])"),
    ],
)
def test_attribute_text(value: object, text: str) -> None:
    assert attribute_text(value, {}) == text
    assert f"(value={text})" in to_text(holding(value))
    assert to_text(parse(to_text(holding(value)))) == to_text(holding(value))


@pytest.mark.parametrize("value", [[1], {1: 2}, object(), 1j, b"a", {1}])
def test_an_attribute_without_text(value: object) -> None:
    with pytest.raises(GraphError, match=f"found an attribute of type {type(value).__name__}"):
        to_text(holding(value))
    assert f"<{type(value).__name__}>" in str(holding(value))


# ------------------------------------------------------------------------------------------ arrays


def test_array_data_is_a_private_copy_compared_by_value() -> None:
    array = np.arange(6.0).reshape(2, 3).T
    data = ArrayData(array)
    array[0, 0] = 7
    assert data.array[0, 0] == 0
    assert data.array.flags.c_contiguous
    assert not data.array.flags.writeable
    again = ArrayData(np.arange(6.0).reshape(2, 3).T)
    assert data == again
    assert hash(data) == hash(again)
    assert data.type == again.type == TensorType(DTYPES["float64"], (3, 2))
    assert pickle.loads(pickle.dumps(data)) == data


@pytest.mark.parametrize(
    "other", [np.zeros(2, np.float32), np.zeros((2, 1)), np.array([0.0, -0.0]), np.zeros(2, np.int64), None]
)
def test_array_data_differs_by_dtype_shape_and_bytes(other: object) -> None:
    assert ArrayData(np.zeros(2)) != (other if other is None else ArrayData(other))


def test_large_arrays_go_to_the_data_section() -> None:
    big = ArrayData(np.arange(1000.0, dtype=np.float32).reshape(10, 100))
    twin = ArrayData(big.array.reshape(1000))
    graph = holding((big, big, twin))
    text = to_text(graph)
    assert text.count(big.digest[:12]) == 4  # three uses, and the bytes once
    assert "\ndata {\n" in text
    same(graph, parse(text))
    same(graph, pickle.loads(pickle.dumps(graph)))
    with pytest.raises(GraphError, match=r"(?s)line 2: .* elide=True"):
        parse(to_text(graph, elide=True))


def test_a_nan_with_a_payload_survives() -> None:
    array = np.array([0x7FF8000000000001], np.uint64).view(np.float64)
    graph = holding(ArrayData(array))
    same(graph, parse(to_text(graph)))


@pytest.mark.parametrize("bits", [0x00000001, 0x7F7FFFFF, 0x3DCCCCCD, 0x0D800000, 0x80000000])
def test_single_precision_is_exact(bits: int) -> None:
    graph = holding(ArrayData(np.array([bits], np.uint32).view(np.float32)))
    same(graph, parse(to_text(graph)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\1" * 15, "found 15 bytes or more .* needs 16"),
        (b"\1" * 10**6, "found 17 bytes or more .* needs 16"),
        (b"\1" * 16, "SHA-256"),
        (None, "damaged bytes"),
    ],
)
def test_damaged_data(content: bytes | None, message: str) -> None:
    data = base64.b64encode(zlib.compress(content) if content else b"junk").decode()
    with pytest.raises(GraphError, match=f"line 2: .*{message}"):
        parse(one("value=array(float32[4], 'ab12')") + f"data {{\nab12 = '{data}'\n}}\n")


# ------------------------------------------------------------------------------------------ errors


def one(inside: str, op: str = "test_parse_everything", left: str = "%0", tail: str = "") -> str:
    return f"graph {{\n{left} = {op}({inside}){tail}\n}}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: found ''; needed `graph {`"),
        ("graf {\n}", "line 1: found 'graf {'"),
        ("graph {\n", "line 1: found 'the end of the text'; needed `}`"),
        ("graph {\n}\n}", "line 3: found '}'; needed `data {`"),
        ("graph {\n}\ndata {\n}\nmore", "line 5: found 'more'; needed the end"),
        ("graph {\n}\ndata {\nx\n}", "line 4: found 'x'; needed `key = 'base64'`"),
        ("graph {\nhello\n}", "line 2: found 'hello'; needed `%id = op"),
        ("graph {\n%0 hello\n}", "line 2: found '%0 hello'; needed `%id = op"),
        ("graph {\nreturn a=%b\n}", "line 2: found '%b'; needed a value that an earlier line makes"),
        ("graph {\nreturn a\n}", "line 2: found 'a'; needed `name=%id`"),
        (one("", "test_parse_everythin"), "needed a known op; near are test_parse_everything.*import"),
        (one("%1"), "line 2: found '%1'; needed a value"),
        (one("value=1"), None),
        (one("value=1") + "x", "line 4: found 'x'; needed `data {`"),
        (one("value=1, valeu=2"), r"line 2: .* with the attributes \(value, valeu\); needed \(value\)"),
        (one(""), r"line 2: .* with the attributes \(\); needed \(value\)"),
        (one("3"), "line 2: found '3'; needed operands, then"),
        (one("**f()"), "line 2: "),
        (one("value=f(1)"), r"line 2: found the attribute f\(1\)"),
        (one("value=f()"), "line 2: found the attribute class 'f'; needed one that is registered: .*uniform"),
        (one("value=test_parse_uniform(high=1)"), r"line 2: .*attributes \(high\); needed \(low, around\)"),
        (one("value=[1]"), r"line 2: found the attribute \[1\]"),
        (one("value=b'a'"), "line 2: found the attribute b'a'"),
        (one("value=__import__('os').system('x')"), "line 2: found the attribute"),
        (one("value=n**2"), r"line 2: found the size 'n \*\* 2'"),
        (one("value=float8[3]"), r"line 2: found the type float8\[3\]"),
        (one("value=1 2"), "line 2: found 'value=1 2'; needed Python expressions"),
        (one("value=(1"), "line 2: .* needed a closing bracket"),
        (one("value=1", tail=" what"), "line 2: found ' what'; needed `: type`"),
        (one("value=1", tail=" : float32[2]"), r"line 2: found 'float32\[2\]'; needed float32\[\], which"),
        (one("value=1", tail=" : float32[], int64[]"), r"line 2: .*; needed float32\[\], which"),
        (one("value=1", tail=" : 3"), "line 2: found the type 3"),
        (one("value=1", tail=" : float32["), "line 2: .*needed Python expressions"),
        (one("value=1", left="%0, %1"), "line 2: found '%0, %1'; needed 1 ids"),
        (one("value=array(float32[2], [1.0])"), r"line 2: found 1 elements for float32\[2\]; needed 2"),
        (one("value=array(float32[n], [1.0])"), "line 2: .* needed sizes that are known"),
        (one("value=array(int8[1], [300])"), "line 2: found elements that int8 can't hold"),
        (one("value=array(float32[1], [1e39])"), "line 2: found elements that float32 can't hold"),
        (one("value=array(int8[1], [1.5])"), "line 2: found elements of another kind"),
        (one("value=array(int8[1], ['a'])"), "line 2: found 'a' in an array"),
        (one("value=array(int8[1], 5)"), "line 2: found the array content 5"),
    ],
)
def test_bad_text(text: str, message: str | None) -> None:
    if message is None:
        parse(text)
        return
    with pytest.raises(GraphError, match=message):
        parse(text)


def test_attribute_class_names_are_unique() -> None:
    for name in ("test_parse_uniform", "array"):
        with pytest.raises(GraphError, match="second attribute class"):
            attribute_class(name)(dataclass(frozen=True)(type("Other", (), {})))


def test_excerpt_of_what_can_not_be_printed() -> None:
    node = Node(Everything(object()), (), origin=HERE)
    assert excerpt(node) == "-> %0 = test_parse_everything(value=<object>) : float32[]  # /home/me/train.py:3"
