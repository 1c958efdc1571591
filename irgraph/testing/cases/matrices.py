"""Cases of linear algebra, on matrices that are far from singular."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ... import linalg
from ...errors import DTypeError, ShapeError
from ...ops.sources import input
from ...value import Value
from ..case import Array, BadCase, Case, case, real


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Normal matrices of norm about 1."""
    return np.asarray(rng.standard_normal(shape) / max(1.0, shape[-1]) ** 0.5)


def regular(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Matrices of full rank, with a condition number of about 3."""
    return np.asarray(_normal(rng, shape) + 2.5 * np.eye(shape[-2], shape[-1]))


def positive_definite(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Symmetric matrices with eigenvalues from about 1 to 5."""
    half = _normal(rng, shape)
    return np.asarray(half @ half.swapaxes(-1, -2) + np.eye(shape[-1]))


def with_gaps(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Matrices whose singular values are 1, 2, 3, …, and of either sign as eigenvalues where symmetric."""
    m, n = shape[-2:]
    k = min(m, n)
    left, right = (np.linalg.qr(rng.standard_normal((*shape[:-2], size, size)))[0] for size in (m, n))
    return np.asarray(left[..., :k] * np.arange(1.0, k + 1) @ right.swapaxes(-1, -2)[..., :k, :])


def symmetric_with_gaps(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Symmetric matrices whose eigenvalues are 1 apart."""
    basis = np.linalg.qr(rng.standard_normal(shape))[0]
    values = np.arange(shape[-1]) - shape[-1] // 2 + 0.25
    return np.asarray(basis * values @ basis.swapaxes(-1, -2))


def _solves() -> list[Case]:
    shapes: dict[str, tuple[tuple[int | str, ...], tuple[int | str, ...]]] = {
        "matrix": (("n", "n"), ("n", 3)),
        "vector": ((3, 3), (3,)),
        "batch": (("n", 3, 3), ("n", 3, 2)),
        "broadcast matrix": ((1, 3, 3), ("n", 3, 2)),
        "broadcast right": (("n", 2, 3, 3), (3, 1)),
        "one": ((1, 1), (1, "n")),
        "no right sides": ((3, 3), (3, 0)),
        "no matrices": ((0, 3, 3), (0, 3, 2)),
    }
    return [
        case("solve", name, linalg.solve, np.linalg.solve, a=real(*a, draw=regular), b=real(*b))
        for name, (a, b) in shapes.items()
    ]


def _triangle(a: Any, lower: bool, transposed: bool, unit: bool) -> Any:
    kept = np.tril(a) if lower else np.triu(a)
    if unit:
        kept = kept - np.triu(np.tril(kept)) + np.eye(a.shape[-1])
    return kept.swapaxes(-1, -2) if transposed else kept


def _triangular_solves() -> list[Case]:
    cases = []
    for lower in (True, False):
        for transposed in (False, True):
            for unit in (False, True):
                how = (lower, transposed, unit)
                words = ["lower" if lower else "upper", *["transposed"] * transposed, *["unit"] * unit]
                cases.append(
                    case(
                        "triangular_solve",
                        " ".join(words),
                        lambda a, b, h=how: linalg.triangular_solve(a, b, *h),
                        lambda a, b, h=how: np.linalg.solve(_triangle(a, *h), b),
                        a=real("n", 3, 3, draw=regular) if unit else real("n", "n", draw=regular),
                        b=real(3, 2) if unit else real("n", 2),
                    )
                )
    return cases


def _eigh(a: Any) -> list[Any]:
    """Eigenvectors squared: their signs are LAPACK's."""
    w, v = linalg.eigh(a) if not isinstance(a, np.ndarray) else np.linalg.eigh(a)
    return [w, v * v]


def _svd(a: Any) -> list[Any]:
    u, s, vh = np.linalg.svd(a, full_matrices=False) if isinstance(a, np.ndarray) else linalg.svd(a)
    return [u * u, s, vh * vh]


def _factorizations() -> list[Case]:
    def cholesky(a: Any) -> Any:
        return np.linalg.cholesky((a + a.swapaxes(-1, -2)) / 2)

    squares: dict[str, tuple[int | str, ...]] = {
        "matrix": ("n", "n"),
        "batch": ("n", 3, 3),
        "two batch axes": (2, 1, 3, 3),
        "one": ("n", 1, 1),
    }
    cases = []
    for name, shape in squares.items():
        cases += [
            case("cholesky", name, linalg.cholesky, cholesky, a=real(*shape, draw=positive_definite)),
            case("eigh", name, _eigh, _eigh, a=real(*shape, draw=symmetric_with_gaps)),
            case("inverse", name, linalg.inv, np.linalg.inv, a=real(*shape, draw=regular)),
            case("det", name, linalg.det, np.linalg.det, a=real(*shape, draw=regular)),
            case(
                "slogdet",
                name,
                lambda a: list(linalg.slogdet(a)),
                lambda a: list(np.linalg.slogdet(a)),
                a=real(*shape, draw=regular),
            ),
        ]
    return cases


def _tall() -> list[Case]:
    shapes: dict[str, tuple[int | str, ...]] = {
        "square": (3, 3),
        "tall": ("n", 4, 2),
        "column": ("n", 3, 1),
        "named": (5, "m"),
    }
    cases = []
    for name, shape in shapes.items():
        cases += [
            case(
                "qr",
                name,
                lambda a: list(linalg.qr(a)),
                lambda a: list(np.linalg.qr(a)),
                a=real(*shape, draw=regular),
            ),
            case("svd", name, _svd, _svd, a=real(*shape, draw=with_gaps)),
            case("pinv", name, linalg.pinv, np.linalg.pinv, a=real(*shape, draw=regular)),
        ]
    wide, thin = real("n", 2, 4, draw=with_gaps), real(4, 2, draw=regular)
    return [
        *cases,
        case("svd", "wide", _svd, _svd, a=wide),
        case("pinv", "wide", linalg.pinv, np.linalg.pinv, a=wide),
        case("qr", "only q", lambda a: linalg.qr(a).Q, lambda a: np.linalg.qr(a)[0], a=thin),
        case("qr", "only r", lambda a: linalg.qr(a).R, lambda a: np.linalg.qr(a)[1], a=thin),
        case("eigh", "values", linalg.eigvalsh, np.linalg.eigvalsh, a=real(3, 3, draw=symmetric_with_gaps)),
        case(
            "pinv",
            "least squares",
            linalg.lstsq,
            lambda a, b: np.linalg.lstsq(a, b)[0],
            a=real(5, 2, draw=regular),
            b=real(5, "n"),
        ),
    ]


def _applied(function: Callable[[Value], object], shape: tuple[int, ...]) -> Callable[[], object]:
    return lambda: function(input("a", shape))


CASES = [
    replace(case, low=False)  # LAPACK has float32 and float64
    for case in (*_solves(), *_triangular_solves(), *_factorizations(), *_tall())
]

BAD_CASES = [
    BadCase(
        "solve",
        "not square",
        lambda: linalg.solve(input("a", (3, 4)), input("b", (3,))),
        ShapeError,
        r"found solve of <a : float32\[3, 4\]>; needed square matrices on the last two axes",
    ),
    BadCase(
        "solve",
        "rows",
        lambda: linalg.solve(input("a", (3, 3)), input("b", (4, 2))),
        ShapeError,
        r"solve: found matrices float32\[3, 3\] and right sides float32\[4, 2\]; needed as many rows",
    ),
    BadCase(
        "solve",
        "scalar",
        lambda: linalg.solve(input("a", (3, 3)), input("b", ())),
        ShapeError,
        r"needed a vector or matrices",
    ),
    BadCase(
        "triangular_solve",
        "batches",
        lambda: linalg.triangular_solve(input("a", (2, 3, 3)), input("b", (5, 3, 2))),
        ShapeError,
        r"found triangular_solve with leading axes of shapes \(2,\) and \(5,\)",
    ),
    BadCase(
        "solve",
        "dtypes",
        lambda: linalg.solve(input("a", (3, 3)), input("b", (3, 2), "float64")),
        DTypeError,
        r"solve: found a of float32",
    ),
    *[
        BadCase(
            op,
            "not square",
            _applied(function, (2, 3)),
            ShapeError,
            r"<a : float32\[2, 3\]>; needed square matrices on the last two axes",
        )
        for op, function in {
            "cholesky": linalg.cholesky,
            "inverse": linalg.inv,
            "det": linalg.det,
            "slogdet": linalg.slogdet,
            "eigh": linalg.eigh,
        }.items()
    ],
    *[
        BadCase(op, "shape", _applied(function, shape), ShapeError, needed)
        for op, function, shape, needed in (
            ("qr", linalg.qr, (2, 3), "needed at least as many rows"),
            ("svd", linalg.svd, (3,), "needed matrices on the last two axes"),
            ("pinv", linalg.pinv, (3,), "needed matrices on the last two axes"),
        )
    ],
]
