"""Cases of the functions of one or two float elements that expand to others."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import DTypeError, GraphError, ShapeError
from ...ops import activations as a
from ...ops import angles as g
from ...ops import error_function as f
from ...ops import exponentials as e
from ...ops import floating as o
from ...ops import powers as p
from ...ops import rectifiers as r
from ...ops import rounding
from ...ops.comparison import clip
from ...ops.sources import input
from ..case import Arg, Array, BadCase, Build, Case, Draw, case, normal, off_zero, positive, real, spaced

_erf = np.vectorize(math.erf, otypes=[np.float64])
_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def _softplus(x: Any) -> Any:
    return np.logaddexp(x, 0)


def _gelu(x: Any) -> Any:
    return x * 0.5 * (1 + _erf(x / np.sqrt(2)))


def _gelu_tanh(x: Any) -> Any:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def _elu(x: Any, alpha: float = 1.0) -> Any:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _hard_sigmoid(x: Any) -> Any:
    return np.clip(x / 6 + 0.5, 0, 1)


def _quiet(oracle: Build) -> Build:
    """Without NumPy's warnings of what NaN and infinities do."""

    def quiet(*arrays: Array) -> Any:
        with np.errstate(all="ignore"):
            return oracle(*arrays)

    return quiet


def _xlogy(x: Any, y: Any) -> Any:
    return np.where((x == 0) & ~np.isnan(y), 0.0, x * np.log(y))


def _wide(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Numbers of both signs up to 6, in every piece of the approximations."""
    return rng.uniform(-6.0, 6.0, shape)


_OF_ONE: dict[str, tuple[Build, Build, Draw]] = {
    "erf": (f.erf, _erf, _wide),
    "erfc": (f.erfc, _erfc, _wide),
    "gelu": (a.gelu, _gelu, normal),
    "mish": (a.mish, lambda x: x * np.tanh(_softplus(x)), normal),
    "softsign": (a.softsign, lambda x: x / (1 + np.abs(x)), off_zero),
    "softplus": (e.softplus, _softplus, spaced(0.0)),
    "log_sigmoid": (e.log_sigmoid, lambda x: -_softplus(-x), spaced(0.0)),
    "exp2": (e.exp2, np.exp2, normal),
    "log2": (e.log2, np.log2, positive),
    "log10": (e.log10, np.log10, positive),
    "elu": (r.elu, _elu, off_zero),
    "selu": (r.selu, lambda x: 1.0507009873554805 * _elu(x, 1.6732632423543772), off_zero),
    "celu": (r.celu, _elu, off_zero),
    "leaky_relu": (r.leaky_relu, lambda x: np.maximum(x, x / 100), off_zero),
    "hard_sigmoid": (r.hard_sigmoid, _hard_sigmoid, spaced(0.125)),
    "hard_swish": (r.hard_swish, lambda x: x * _hard_sigmoid(x), spaced(0.125)),
    "cbrt": (p.cbrt, np.cbrt, off_zero),
    "trunc": (lambda x: x * rounding.trunc(x), lambda x: x * np.trunc(x), spaced(0.125)),
}

_OF_TWO: dict[str, tuple[Build, Build, Draw, Draw]] = {
    "logaddexp": (e.logaddexp, np.logaddexp, normal, normal),
    "xlogy": (e.xlogy, _quiet(_xlogy), off_zero, positive),
    "copysign": (o.copysign, np.copysign, off_zero, off_zero),
    "hypot": (g.hypot, np.hypot, off_zero, off_zero),
    "arctan2": (g.arctan2, np.arctan2, off_zero, off_zero),
    "prelu": (r.prelu, lambda x, s: np.where(x > 0, x, s * x), off_zero, normal),
}

_TESTS: dict[str, tuple[Build, Build]] = {
    "isnan": (o.isnan, np.isnan),
    "isinf": (o.isinf, np.isinf),
    "isfinite": (o.isfinite, np.isfinite),
    "signbit": (o.signbit, np.signbit),
}


def _corners(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Zeros of both signs, infinities, NaN, and numbers, in some order."""
    known = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.5, -1.5, 1e6]
    return rng.permutation(np.resize(known, int(np.prod(shape)))).reshape(shape)


def _corner_pairs(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """The same in one order, so that rows and columns make all pairs."""
    return np.resize([0.0, -0.0, np.inf, -np.inf, np.nan, 1.5, -1.5], shape)


def _of_one() -> list[Case]:
    shapes = {"matrix": ("n", 3), "scalar": (), "empty": (0, 2), "ones": (1, 1)}
    return [
        case(name, variant, build, oracle, x=real(*shape, draw=draw))
        for name, (build, oracle, draw) in _OF_ONE.items()
        for variant, shape in shapes.items()
    ]


def _of_two() -> list[Case]:
    shapes: dict[str, tuple[tuple[int | str, ...], tuple[int | str, ...]]] = {
        "same": (("n", 3), ("n", 3)),
        "row": (("n", 3), (3,)),
        "column": (("n", 1), (3,)),
        "scalar": (("n", 3), ()),
        "ones": ((1, 1), (1,)),
        "empty": ((0, 3), (1, 3)),
    }
    return [
        case(name, variant, build, oracle, x=real(*x, draw=left), y=real(*y, draw=right))
        for name, (build, oracle, left, right) in _OF_TWO.items()
        for variant, (x, y) in shapes.items()
    ]


def _at_corners() -> list[Case]:
    """Zeros, infinities and NaN, where derivatives are not asked for."""
    x = Arg((24,), _corners, differentiable=False)
    column, row = (Arg(shape, _corner_pairs, differentiable=False) for shape in ((7, 1), (7,)))
    pairs: dict[str, tuple[Build, Build]] = {
        name: (build, _quiet(oracle)) for name, (build, oracle, *_) in _OF_TWO.items() if name != "prelu"
    }
    return [
        *[case(name, "corners", build, oracle, x=x) for name, (build, oracle) in _TESTS.items()],
        *[case(name, "empty", build, oracle, x=real(0, 2)) for name, (build, oracle) in _TESTS.items()],
        *[case(name, "named", build, oracle, x=real("n", 2)) for name, (build, oracle) in _TESTS.items()],
        *[case(name, "corners", build, oracle, x=column, y=row) for name, (build, oracle) in pairs.items()],
        *[
            case(name, "corners", build, _quiet(oracle), x=x)
            for name, build, oracle in (
                ("erf", f.erf, _erf),
                ("erfc", f.erfc, _erfc),
                ("softplus", e.softplus, _softplus),
                ("log_sigmoid", e.log_sigmoid, lambda x: -_softplus(-x)),
                ("cbrt", p.cbrt, np.cbrt),
                ("trunc", rounding.trunc, np.trunc),
            )
        ],
    ]


CASES = [
    *_of_one(),
    *_of_two(),
    *_at_corners(),
    case("gelu", "tanh", lambda x: a.gelu(x, "tanh"), _gelu_tanh, x=real("n", 3)),
    case("elu", "alpha", lambda x: r.elu(x, 0.5), lambda x: _elu(x, 0.5), x=real("n", draw=off_zero)),
    case("celu", "alpha", lambda x: r.celu(x, 2), lambda x: 2 * _elu(x / 2), x=real("n", draw=off_zero)),
    case(
        "leaky_relu",
        "slope",
        lambda x: r.leaky_relu(x, 0.25),
        lambda x: np.where(x > 0, x, 0.25 * x),
        x=real("n", draw=off_zero),
    ),
    case(
        "prelu",
        "channels",
        r.prelu,
        lambda x, s: np.where(x > 0, x, s * x),
        x=real("n", 2, 3, 1, draw=off_zero),
        s=real(2, 1, 1),
    ),
    case("exp2", "integers", e.exp2, np.exp2, x=Arg((5,), spaced(100.0), differentiable=False)),
    case("log_sigmoid", "large", e.log_sigmoid, lambda x: -_softplus(-x), x=real("n", draw=spaced(-90.0))),
    case("multiply", "silu", a.silu, lambda x: x / (1 + np.exp(-x)), x=real("n", 3)),
    case("where", "sinc", g.sinc, np.sinc, x=real("n", 3)),
    case("where", "sinc at 0", g.sinc, np.sinc, x=Arg((3,), lambda rng, shape: np.array([0.0, 0.1, -0.159]))),
    case("divide", "rsqrt", p.rsqrt, lambda x: 1 / np.sqrt(x), x=real("n", draw=positive)),
    case("multiply", "deg2rad", g.deg2rad, np.deg2rad, x=real("n")),
    case("multiply", "rad2deg", g.rad2deg, np.rad2deg, x=real("n")),
    case("clip", "relu6", r.relu6, lambda x: np.clip(x, 0, 6), x=real("n", 8, draw=spaced(0.125))),
    case("clip", "hard_tanh", r.hard_tanh, lambda x: np.clip(x, -1, 1), x=real("n", draw=spaced(0.125))),
    case(
        "clip",
        "numbers",
        lambda x: clip(x, -0.5, 1.0),
        lambda x: np.clip(x, -0.5, 1),
        x=real("n", 3, draw=spaced(0.125)),
    ),
    case(
        "clip",
        "rows",
        clip,
        np.clip,
        x=real("n", 3, draw=spaced(0.125)),
        low=real(3, draw=lambda rng, shape: rng.uniform(-0.3, -0.15, shape)),
        high=real(1, draw=lambda rng, shape: rng.uniform(0.65, 0.85, shape)),
    ),
    case("clip", "empty", lambda x: clip(x, 0, 1), lambda x: np.clip(x, 0, 1), x=real(0, 2)),
]


def _on_integers(name: str) -> Callable[[], object]:
    return lambda: _OPS[name](input("x", (2,), "int64"))


_OPS: dict[str, Build] = {
    "erf": f.Erf(),
    "gelu": a.Gelu(),
    "softplus": e.Softplus(),
    "elu": r.Elu(),
    "cbrt": p.Cbrt(),
    "isnan": o.IsNan(),
}

BAD_CASES = [
    *(
        BadCase(
            name,
            "integers",
            _on_integers(name),
            DTypeError,
            rf"{name}: found int64\[2\]; needed a float dtype",
        )
        for name in _OPS
    ),
    BadCase(
        "gelu",
        "form",
        lambda: a.gelu(input("x"), "sigmoid"),  # type: ignore[arg-type]
        GraphError,
        r'found approximate=\'sigmoid\' of gelu; needed "none" or "tanh"',
    ),
    BadCase("celu", "alpha", lambda: r.celu(input("x"), 0), ShapeError, r"alpha=0 of celu; needed a number"),
    BadCase(
        "hypot",
        "shapes",
        lambda: g.hypot(input("x", (2,)), input("y", (3,))),
        ShapeError,
        r"hypot: found shapes \(2,\) and \(3,\)",
    ),
    BadCase(
        "logaddexp",
        "dtypes",
        lambda: e.logaddexp(input("x"), input("y", (), "float64")),
        DTypeError,
        r"logaddexp: found x of float32 .* and y of float64 .*; needed one dtype",
    ),
    BadCase(
        "clip",
        "bool",
        lambda: clip(input("x", (2,), "bool"), False, True),
        DTypeError,
        r"clip: found .*; needed a dtype of numbers",
    ),
]
