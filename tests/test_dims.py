"""Arithmetic of named dims against plain integers, and what is decided, guarded or refused."""

from __future__ import annotations

import ast
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from irgraph.dims import (
    SIZE_HINT,
    Dim,
    Guard,
    Size,
    as_shape,
    at_least,
    bind,
    collecting_guards,
    divides,
    estimate,
    names_of,
    parse_size,
    product,
    read_size,
    same_size,
)
from irgraph.errors import ShapeError

NAMES = ("a", "batch", "n")
n, m = Dim.of("n"), Dim.of("m")

# The text of an expression is the oracle: Python evaluates it with integers for the names.
leaves = st.one_of(st.sampled_from(NAMES), st.integers(-9, 9).map(str))
sums = st.recursive(
    leaves, lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner), max_leaves=6
)
expressions = st.recursive(
    sums,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner),
        st.builds("({} // {})".format, inner, st.integers(-6, 6).filter(bool)),
        st.builds("({} // ({}))".format, inner, st.sampled_from(["n", "2*n", "n + 1", "a*batch", "3*n + a"])),
    ),
    max_leaves=4,
)
bindings = st.fixed_dictionaries({name: st.integers(1, 40) for name in NAMES})


def value_of(text: str, sizes: dict[str, int]) -> int:
    return int(eval(compile(ast.parse(text, mode="eval"), "<oracle>", "eval"), {}, dict(sizes)))


@given(expressions, bindings)
def test_a_size_binds_to_what_python_computes(text: str, sizes: dict[str, int]) -> None:
    assert bind(parse_size(text), sizes) == value_of(text, sizes)


@given(expressions)
def test_the_text_of_a_size_parses_back_to_it(text: str) -> None:
    size = parse_size(text)
    assert parse_size(str(size)) == size


@given(expressions)
def test_a_size_pickles(text: str) -> None:
    size = parse_size(text)
    again = pickle.loads(pickle.dumps(size))
    assert again == size
    assert hash(again) == hash(size)


def test_a_pickled_dim_does_not_carry_its_hash() -> None:
    assert str(hash(n)).encode() not in pickle.dumps(n, protocol=0)


@given(sums, sums, bindings)
def test_polynomials_that_are_equal_as_functions_are_equal(
    left: str, right: str, sizes: dict[str, int]
) -> None:
    a, b = parse_size(left), parse_size(right)
    assert (a + b) * (a - b) == a * a - b * b
    assert a - a == 0
    if a == b:
        assert bind(a, sizes) == bind(b, sizes)


@given(sums, sums)
def test_an_exact_division_leaves_no_quotient(left: str, right: str) -> None:
    a, b = parse_size(left), parse_size(right)
    if b != 0:
        assert (a * b) // b == a
        assert divides(b, a * b)


@given(sums, st.integers(1, 9), st.integers(-30, 30), bindings)
def test_a_multiple_leaves_a_floor_division(
    text: str, divisor: int, shift: int, sizes: dict[str, int]
) -> None:
    size = parse_size(text)
    assert (size + shift * divisor) // divisor == size // divisor + shift


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (2 * n + 1, "2*n + 1"),
        (-n + 3, "-n + 3"),
        (n * n - m, "n*n - m"),
        (n // 2, "n//2"),
        (2 * (n // 2), "2*(n//2)"),
        (-(n // 2), "-(n//2)"),
        (m - n // 2, "m - n//2"),
        ((n - 3) // 2 + 1, "(n + 1)//2 - 1"),
        (((n // 2) * m) // 3, "(m*(n//2))//3"),
        (7 // n, "7//n"),
        ((3 * n + 4) // n, "4//n + 3"),
        (n // (m + 1), "n//(m + 1)"),
        (n // -2, "-n + n//2"),
    ],
)
def test_text(size: Size, text: str) -> None:
    assert str(size) == text
    assert parse_size(text) == size
    assert bind(parse_size(str(size)), {"n": 11, "m": 4}) == value_of(text, {"n": 11, "m": 4})


def test_a_convolution_of_stride_2_halves_in_every_spelling() -> None:
    """Kernel k, padding (k-1)/2: all odd kernels give the same size, so branches can be added."""
    sizes = {(n + (k - 1) - k) // 2 + 1 for k in (1, 3, 5, 7)}
    assert sizes == {(n + 1) // 2}


def test_arithmetic_takes_numpy_integers_and_no_floats() -> None:
    three: Any = np.int64(3)
    assert n * three + three == three * n + 3 == 3 * n + 3
    with pytest.raises(TypeError):
        n * 0.5  # type: ignore[operator]


@pytest.mark.parametrize("divide", [lambda: n // 0, lambda: 3 // Dim.of("a") // 0])
def test_division_by_zero(divide: Callable[[], Size]) -> None:
    with pytest.raises(ShapeError, match="not zero"):
        divide()


def test_binding_errors_name_the_dim() -> None:
    with pytest.raises(ShapeError, match="no size for the dim 'n'; known are m=3"):
        bind(n + m, {"m": 3})
    with pytest.raises(ShapeError, match="m = 0"):
        bind(n // m, {"n": 4, "m": 0})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.5",
        "a b",
        "n**2",
        "n/2",
        "f(n)",
        "True",
        "'n'",
        "n//0",
        "5//0",
        "lambda",
        "a.b",
        "\0",
        "(" * 999,
    ],
)
def test_text_that_is_no_size(text: str) -> None:
    with pytest.raises(ShapeError, match="found the"):
        parse_size(text)


def test_read_size_takes_a_tree() -> None:
    assert read_size(ast.parse("2*n + 1", mode="eval").body) == 2 * n + 1


@pytest.mark.parametrize("name", ["", "a-b", "2n", "class", "None", "a b"])
def test_names_are_identifiers(name: str) -> None:
    with pytest.raises(ShapeError, match="found the dim name"):
        Dim.of(name)


def test_shapes() -> None:
    numpy_three: Any = np.int64(3)
    assert as_shape(("batch", 64)) == (Dim.of("batch"), 64)
    assert as_shape(3) == as_shape(numpy_three) == as_shape([numpy_three]) == (3,)
    assert as_shape("n") == as_shape(n) == (n,)
    assert as_shape(()) == ()
    assert type(as_shape(np.array([2, 3]))[0]) is int
    assert product(as_shape(("n", 2, "n"))) == 2 * n * n
    assert names_of((n, m * 2, 3, n // 5)) == {"n", "m"}
    assert estimate(2 * n + 1) == 2 * SIZE_HINT + 1
    assert (n.name, (n + 1), (2 * n)) == ("n", n + 1, n + n)


@pytest.mark.parametrize("shape", [(-1,), -3, (1.5,), ("n m",), (None,), 2.5, [np.zeros(2)]])
def test_bad_shapes(shape: object) -> None:
    with pytest.raises(ShapeError, match="found"):
        as_shape(shape)  # type: ignore[arg-type]


@given(expressions, expressions, bindings)
def test_same_size_is_equality(left: str, right: str, sizes: dict[str, int]) -> None:
    """None, where one name stands on both sides or a number on one, means never equal."""
    a, b = parse_size(left), parse_size(right)
    with collecting_guards() as guards:
        common = same_size(a, b)
    x, y = bind(a, sizes), bind(b, sizes)
    if common is None:
        assert not guards
        if names_of([a]) == names_of([b]) or isinstance(a, int) or isinstance(b, int):
            assert x != y
    else:
        assert [guard.holds(sizes) for guard in guards] == ([x == y] if guards else [])
        if x == y or not guards:
            assert bind(common, sizes) == x == y


@given(expressions, expressions, st.fixed_dictionaries({name: st.integers(0, 40) for name in NAMES}))
def test_at_least_is_the_order(left: str, right: str, sizes: dict[str, int]) -> None:
    a, b = parse_size(left), parse_size(right)
    with collecting_guards() as guards:
        holds = at_least(a, b)
    try:
        true = bind(a, sizes) >= bind(b, sizes)
    except ShapeError:  # a division by 0
        return
    if guards:
        assert guards[0].holds(sizes) is true
    else:
        assert holds is true


@pytest.mark.parametrize(
    ("a", "b", "common", "guards"),
    [
        (n, n, n, []),
        (2, 2, 2, []),
        (2, 3, None, []),
        (n, 3, 3, [Guard("==", n, 3)]),
        (3, n, 3, [Guard("==", 3, n)]),
        (n, m, None, []),
        (n + 1, n, None, []),
        (2 * n, 7, None, []),
        (n + 3, 3, None, []),
        (n, 2 * n, None, []),
        (n * n, n, n, [Guard("==", n * n, n)]),
        (n // 2, 4, 4, [Guard("==", n // 2, 4)]),
    ],
)
def test_same_size(a: Size, b: Size, common: Size | None, guards: list[Guard]) -> None:
    with collecting_guards() as collected:
        assert same_size(a, b) == common
    assert collected == guards


@pytest.mark.parametrize(
    ("size", "bound", "holds", "guards"),
    [
        (n, 0, True, []),
        (n // 2, 0, True, []),
        (n, n + 1, False, []),
        (2 * n + 3, n + 3, True, []),
        (n, 1, True, [Guard(">=", n, 1)]),
        (n, m, True, [Guard(">=", n, m)]),
        (4, n, True, [Guard(">=", 4, n)]),
        (-n - 1, 0, False, []),
        (3, 4, False, []),
    ],
)
def test_at_least(size: Size, bound: Size, holds: bool, guards: list[Guard]) -> None:
    with collecting_guards() as collected:
        assert at_least(size, bound) is holds
    assert collected == guards


def test_guards_are_collected_by_the_innermost_block() -> None:
    with collecting_guards() as outer:
        with collecting_guards() as inner:
            same_size(n, 3)
        same_size(n, 4)
    assert list(map(str, inner)) == ["n == 3"]
    assert list(map(str, outer)) == ["n == 4"]
