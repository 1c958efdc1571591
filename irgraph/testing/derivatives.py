"""Checks of values and derivatives: for the table of cases, and for an op of your own.

Each takes a function from values to one value or several, and arrays to feed, floats as float64. A
user's own op is tested with the same functions as irgraph's:

>>> import numpy as np
>>> import irgraph as ig
>>> check_derivatives(lambda x, w: ig.tanh(x @ w), [np.ones((2, 3)), np.ones((3, 4))])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..autodiff.forward import jvp
from ..autodiff.reverse import vjp
from ..function import compile
from ..ops.sources import input
from ..types import as_dtype, numpy_kind
from ..value import Value

Array = np.ndarray[Any, Any]
Build = Callable[..., Value | Sequence[Value]]

STEP = 1e-5
"""Half the distance of a central difference in float64: rounding and truncation are both near 1e-10."""


class _Problem:
    """A function with its inputs, compiled as far as a check needs it."""

    def __init__(self, build: Build, arrays: Sequence[Any], wrt: Sequence[int] | None) -> None:
        self.arrays = [np.asarray(array) for array in arrays]
        self.xs = [input(f"x{n}", a.shape, as_dtype(a.dtype)) for n, a in enumerate(self.arrays)]
        built = build(*self.xs)
        self.ys = [built] if isinstance(built, Value) else list(built)
        floats = [n for n, value in enumerate(self.xs) if value.dtype.is_inexact]
        self.wrt = floats if wrt is None else list(wrt)
        self.ends = [value for value in self.ys if value.dtype.is_inexact]

    @property
    def sources(self) -> list[Value]:
        return [self.xs[n] for n in self.wrt]

    def directions(self, values: Sequence[Value], name: str) -> list[Value]:
        return [input(f"{name}{n}", value.shape, value.dtype) for n, value in enumerate(values)]

    def draw(self, rng: np.random.Generator, values: Sequence[Value]) -> list[Array]:
        return [_normal(rng, value) for value in values]

    def moved(self, tangents: Sequence[Array], by: float) -> list[Array]:
        """The arrays, moved in a direction."""
        arrays = list(self.arrays)
        for n, tangent in zip(self.wrt, tangents, strict=True):
            arrays[n] = arrays[n] + by * tangent
        return arrays

    def run(self, outputs: Sequence[Value], arrays: Sequence[Array], **more: Array) -> list[Array]:
        """Compile and call with what is needed of the feeds."""
        (results,) = self.difference(outputs, [arrays], **more)
        return results

    def difference(
        self, outputs: Sequence[Value], points: Sequence[Sequence[Array]], **more: Array
    ) -> list[list[Array]]:
        """The outputs at several points, by one function."""
        function = compile(list(outputs), verify=True)
        results = []
        for arrays in points:
            feeds = {f"x{n}": array for n, array in enumerate(arrays)} | more
            results.append(function(**{name: feeds[name] for name in function.graph.inputs}))
        return results


def _normal(rng: np.random.Generator, value: Value) -> Array:
    """A random direction; of complex values in both parts."""
    real = rng.standard_normal(_shape(value))
    return np.asarray(real + 1j * rng.standard_normal(_shape(value)) if value.dtype.is_complex else real)


def _shape(value: Value) -> tuple[int, ...]:
    return tuple(int(size) for size in value.shape)  # type: ignore[arg-type]  # fed shapes are numbers


def _named(name: str, arrays: Sequence[Array]) -> dict[str, Array]:
    return {f"{name}{n}": array for n, array in enumerate(arrays)}


def _inner(left: Sequence[Array], right: Sequence[Array]) -> float:
    """The pairing under which `vjp` is the transpose of `jvp`: the real part, and no conjugate."""
    return float(sum(np.sum(a * b).real for a, b in zip(left, right, strict=True)))


def _norm(arrays: Sequence[Array]) -> float:
    return float(np.sqrt(sum(float(np.vdot(a, a).real) for a in arrays)))


def check_value(
    build: Build, arrays: Sequence[Any], oracle: Callable[..., Any], tolerance: float = 1e-12
) -> None:
    """The compiled results are what `oracle` says of the arrays, within `tolerance` of the largest element.

    The types of the results are those that were inferred. Raises AssertionError.

    >>> import irgraph as ig
    >>> check_value(ig.exp, [np.arange(3.0)], np.exp)
    """
    problem = _Problem(build, arrays, [])
    expected = oracle(*problem.arrays)
    if not isinstance(expected, (list, tuple)):
        expected = [expected]
    for value, found, wanted in zip(
        problem.ys, problem.run(problem.ys, problem.arrays), expected, strict=True
    ):
        assert_close(found, np.asarray(wanted), tolerance, value)


def assert_close(found: Array, wanted: Array, tolerance: float, value: Value | None = None) -> None:
    """Two arrays of one shape are equal within `tolerance` of the largest finite element wanted, and infinite
    or NaN in the same places; with a `value`, the first is of its type. Raises AssertionError.

    >>> assert_close(np.array([1.0, np.inf]), np.array([1.0 + 1e-9, np.inf]), 1e-8)
    """
    if value is not None and (found.shape != value.shape or found.dtype != value.dtype.numpy):
        raise AssertionError(f"found {found.dtype}{list(found.shape)}; {value!r} was inferred")
    if found.shape != wanted.shape:
        raise AssertionError(f"found shape {found.shape}; needed {wanted.shape}")
    exact = numpy_kind(found.dtype) not in "fc"
    if as_dtype(found.dtype).is_low:
        with np.errstate(over="ignore"):
            wanted = wanted.astype(found.dtype)  # as what overflows it is infinite
    widest = np.complex128 if "c" in (found.dtype.kind, wanted.dtype.kind) else np.float64
    wide = wanted.astype(widest)
    scale = max(1.0, float(np.abs(wide[np.isfinite(wide)]).max(initial=0.0)))
    np.testing.assert_allclose(found.astype(widest), wide, rtol=0, atol=0 if exact else tolerance * scale)


def check_jvp(
    build: Build,
    arrays: Sequence[Any],
    wrt: Sequence[int] | None = None,
    seed: int = 0,
    tolerance: float = 1e-6,
) -> None:
    """The Jacobian-vector product is the central difference quotient, in one random direction.

    `wrt` are the positions of the inputs to move, by default all of float dtype. Raises AssertionError.

    >>> import irgraph as ig
    >>> check_jvp(ig.exp, [np.arange(3.0)])
    """
    problem = _Problem(build, arrays, wrt)
    tangents = problem.draw(np.random.default_rng(seed), problem.sources)
    directions = problem.directions(problem.sources, "t")
    pushed = jvp(problem.ends, problem.sources, directions)
    found = problem.run(pushed, problem.arrays, **_named("t", tangents))
    ahead, behind = problem.difference(problem.ends, [problem.moved(tangents, h) for h in (STEP, -STEP)])
    for value, tangent, more, less in zip(problem.ends, found, ahead, behind, strict=True):
        assert_close(tangent, (more - less) / (2 * STEP), tolerance, value)


def check_vjp(
    build: Build,
    arrays: Sequence[Any],
    wrt: Sequence[int] | None = None,
    seed: int = 0,
    tolerance: float = 1e-10,
) -> None:
    """<c, J t> = <J' c, t> for a random cotangent c and tangent t: `vjp` is the transpose of `jvp`.

    Raises AssertionError.

    >>> import irgraph as ig
    >>> check_vjp(ig.exp, [np.arange(3.0)])
    """
    problem = _Problem(build, arrays, wrt)
    rng = np.random.default_rng(seed)
    tangents, cotangents = problem.draw(rng, problem.sources), problem.draw(rng, problem.ends)
    pushed = jvp(problem.ends, problem.sources, problem.directions(problem.sources, "t"))
    seeds = problem.directions(problem.ends, "c")
    pulled = vjp(problem.ends, problem.sources, seeds, disconnected="zero")
    feeds = _named("t", tangents) | _named("c", cotangents)
    results = problem.run([*pushed, *pulled], problem.arrays, **feeds)
    forward, backward = results[: len(pushed)], results[len(pushed) :]
    for source, cotangent in zip(problem.sources, backward, strict=True):
        assert_close(cotangent, cotangent.copy(), 0.0, source)  # of the source's type
    left, right = _inner(cotangents, forward), _inner(backward, tangents)
    scale = max(1.0, _norm(cotangents) * _norm(forward), _norm(backward) * _norm(tangents))
    if not abs(left - right) <= tolerance * scale:
        raise AssertionError(f"<c, J t> = {left!r}, but <J' c, t> = {right!r}")


def check_second_order(
    build: Build,
    arrays: Sequence[Any],
    wrt: Sequence[int] | None = None,
    seed: int = 0,
    tolerance: float = 1e-6,
) -> None:
    """The derivative of the gradient of <c, f(x)>, forward over reverse and reverse over reverse, is the
    central difference quotient of the gradient. Raises AssertionError.

    >>> import irgraph as ig
    >>> check_second_order(ig.exp, [np.arange(3.0)])
    """
    problem = _Problem(build, arrays, wrt)
    rng = np.random.default_rng(seed)
    tangents, cotangents = problem.draw(rng, problem.sources), problem.draw(rng, problem.ends)
    directions = problem.directions(problem.sources, "t")
    seeds = problem.directions(problem.ends, "c")
    gradient = vjp(problem.ends, problem.sources, seeds, disconnected="zero")
    over_reverse = jvp(gradient, problem.sources, directions)
    twice = vjp(gradient, problem.sources, directions, disconnected="zero")  # the Hessian is symmetric
    feeds = _named("c", cotangents)
    found = problem.run([*over_reverse, *twice], problem.arrays, **feeds, **_named("t", tangents))
    points = [problem.moved(tangents, h) for h in (STEP, -STEP)]
    ahead, behind = problem.difference(gradient, points, **feeds)
    quotients = [(more - less) / (2 * STEP) for more, less in zip(ahead, behind, strict=True)]
    for source, tangent, quotient in zip(problem.sources * 2, found, quotients * 2, strict=True):
        assert_close(tangent, quotient, tolerance, source)


def check_derivatives(
    build: Build, arrays: Sequence[Any], wrt: Sequence[int] | None = None, seed: int = 0
) -> None:
    """`check_jvp`, `check_vjp` and `check_second_order`: everything that an op promises of its derivative.

    Raises AssertionError.

    >>> import irgraph as ig
    >>> check_derivatives(lambda x: x * x.sum(), [np.arange(3.0)])
    """
    check_jvp(build, arrays, wrt, seed)
    check_vjp(build, arrays, wrt, seed)
    check_second_order(build, arrays, wrt, seed)
