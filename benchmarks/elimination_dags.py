"""The graphs of published elimination orders, rebuilt: formulas traced by JAX, one vertex for each number.

``python -m benchmarks.elimination_dags`` writes the files of `tests/data/elimination_dags` anew. The formulas
are those of the AlphaGrad paper (Lohoff and Neftci 2024, arXiv 2406.05027). Each repeats what its source
repeats, as the roots of the densities, because a trace keeps every operation, and the counts depend on it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parents[1] / "tests" / "data" / "elimination_dags"
GAMMA = 0.5

# -------------------------------------------------------------------------------------- formulas


def roe_flux_1d(rho: Any, m: Any, e: Any, rho_r: Any, m_r: Any, e_r: Any) -> Any:
    """The flux of the Euler equations between two states in one dimension (Roe 1981)."""
    import jax.numpy as jnp

    drho = rho_r - rho
    root = jnp.sqrt(rho * rho_r)
    weight = jnp.sqrt(rho) + jnp.sqrt(rho_r)
    v, p = m / rho, _pressure(rho, m**2, e)
    h = (e + p) / rho
    v_r, p_r = m_r / rho_r, _pressure(rho_r, m_r**2, e_r)
    h_r = (e_r + p_r) / rho_r
    dp, dv = p_r - p, v_r - v
    u = (jnp.sqrt(rho) * v + jnp.sqrt(rho_r) * v_r) / weight
    enthalpy = (jnp.sqrt(rho) * h + jnp.sqrt(rho_r) * h_r) / weight
    q = u**2
    a2 = (GAMMA - 1.0) * (enthalpy - 0.5 * q)
    a = jnp.sqrt(a2)
    upper, middle, lower = jnp.abs(u + a), jnp.abs(u), jnp.abs(u)
    n = a * root
    c0, c1, c2 = (drho - dp / a2) * middle, (dv + dp / n) * upper, (dv - dp / n) * lower
    sides = _flux_1d(rho, m, e, p), _flux_1d(rho_r, m_r, e_r, p_r)
    fluxes = [left + right for left, right in zip(*sides, strict=True)]
    c = 0.5 * root / a
    jumps = (
        c0 + c * c1 - c * c2,
        c0 * u + c * c1 * (u + a) - c * c2 * (u - a),
        c0 * 0.5 * q + c * c1 * (enthalpy + u * a) - c * c2 * (enthalpy - u * a),
    )
    return [0.5 * (flux - jump) for flux, jump in zip(fluxes, jumps, strict=True)]


def _pressure(rho: Any, squared: Any, e: Any) -> Any:
    return (GAMMA - 1.0) * (e - 0.5 * squared / rho)


def _flux_1d(rho: Any, m: Any, e: Any, p: Any) -> tuple[Any, ...]:
    v = m / rho
    return m, p + m * v, v * (p + e)


def roe_flux_3d(*states: Any) -> Any:
    """The same in three dimensions, the momenta being vectors, for a batch of one."""
    import jax

    return jax.vmap(_roe_flux_3d)(*states)


def _roe_flux_3d(rho: Any, m: Any, e: Any, rho_r: Any, m_r: Any, e_r: Any) -> Any:
    import jax.numpy as jnp

    drho, dm = rho_r - rho, m_r - m
    dm0, dm1, dm2 = dm[0], dm[1], dm[2]
    de = e_r - e
    weight = jnp.sqrt(rho) + jnp.sqrt(rho_r)
    v, p = m / rho, _pressure(rho, jnp.sum(m**2), e)
    h = (e + p) / rho
    v_r, p_r = m_r / rho_r, _pressure(rho_r, jnp.sum(m_r**2), e_r)
    h_r = (e_r + p_r) / rho_r
    mean = (jnp.sqrt(rho) * v + jnp.sqrt(rho_r) * v_r) / weight
    x, y, z = mean[0], mean[1], mean[2]
    enthalpy = (jnp.sqrt(rho) * h + jnp.sqrt(rho_r) * h_r) / weight
    q = jnp.sum(mean**2)
    a2 = (GAMMA - 1.0) * (enthalpy - 0.5 * q)
    a = jnp.sqrt(a2)
    upper, lower = x + a, x - a
    c3 = ((GAMMA - 1.0) / a2 * ((enthalpy - q) * drho + jnp.dot(mean, dm) - de)) * x
    c2 = (dm2 / z - dm0) * x
    c1 = (dm1 / y - drho) * x
    k1, k2 = drho - c3, (dm0 - x * drho) / a
    c0, c4 = 0.5 * (k1 - k2) * lower, 0.5 * (k1 + k2) * upper
    sides = _flux_3d(rho, m, e, p), _flux_3d(rho_r, m_r, e_r, p_r)
    fluxes = [left + right for left, right in zip(*sides, strict=True)]
    jumps = (
        c0 + c3 + c4 * upper,
        c0 * lower + c3 * x + c4 * upper,
        c0 * y + c1 * y + c3 * y + c4 * y,
        c0 * z + c2 * z + c3 * z + c4 * z,
        c0 * (enthalpy - x * a) + c1 * y**2 + c2 * z**2 + c3 * 0.5 * q + c4 * (enthalpy + x * a),
    )
    return [0.5 * (flux - jump) for flux, jump in zip(fluxes, jumps, strict=True)]


def _flux_3d(rho: Any, m: Any, e: Any, p: Any) -> tuple[Any, ...]:
    x, y, z = m[0], m[1], m[2]
    u, v, w = x / rho, y / rho, z / rho
    return x, p + x * u, x * v, x * w, u * (p + e)


def robot_arm_6dof(t1: Any, t2: Any, t3: Any, t4: Any, t5: Any, t6: Any) -> Any:
    """Position and Tait-Bryan angles of the hand of an arm with six joints."""
    import jax.numpy as jnp

    a1, a2, a3, d1, d4, d6 = 175.0, 890.0, 50.0, 575.0, 1035.0, 185.0
    c1, c2, c4, c5, c6 = (jnp.cos(t) for t in (t1, t2, t4, t5, t6))
    c23 = jnp.cos(t2) * jnp.cos(t3) - jnp.sin(t2) * jnp.sin(t3)
    s1, s2, s4, s5, s6 = (jnp.sin(t) for t in (t1, t2, t4, t5, t6))
    s23 = jnp.cos(t2) * jnp.sin(t3) + jnp.sin(t2) * jnp.cos(t3)
    ax = s5 * (c1 * c23 * c4 + s1 * s4) + c1 * s23 * c5
    ay = s5 * (s1 * c23 * c4 - c1 * s4) + s1 * s23 * c5
    az = s23 * c4 * s5 - c23 * c5
    nz = c6 * (c23 * s5 + s23 * c4 * c5) - s23 * s4 * s6
    oz = -s6 * (c23 * s5 + s23 * c4 * c5) - s23 * s4 * c6
    angles = jnp.arctan2(ay, ax), jnp.arctan2(jnp.sqrt(1.0 - az**2), az), jnp.arctan2(oz, -nz)
    x = d6 * (s5 * (c1 * c23 * c4 + s1 * s4) + c1 * s23 * c5) + c1 * (a1 + a2 * c2 + a3 * c23 + d4 * s23)
    y = d6 * (s5 * (s1 * c23 * c4 + c1 * s4) + s1 * s23 * c5) + s1 * (a1 + a2 * c2 + a3 * c23 + d4 * s23)
    z = a2 * s2 + d1 + a3 * s23 - d4 * c23 + d6 * (s23 * c4 * s5 - c23 * c5)
    return x, y, z, *angles


def human_heart_dipole(a: Any, b: Any, c: Any, d: Any, t: Any, u: Any, v: Any, w: Any) -> Any:
    """The residuals of MINPACK-2's human heart dipole (Averick, Carter, Moré and Xue 1992)."""
    tv, uw = t**2 - v**2, u**2 - w**2
    t3, v3 = t * (t**2 - 3 * v**2), v * (v**2 - 3 * t**2)
    u3, w3 = u * (u**2 - 3 * w**2), w * (w**2 - 3 * u**2)
    return (
        a + b - 1.0,
        c + d - 1.0,
        t * a + u * b - v * c - w * d - 1.0,
        v * a + w * b + t * c + u * d - 1.0,
        a * tv - 2 * c * t * v + b * uw - 2 * d * u * w - 1.0,
        c * tv - 2 * a * t * v + d * uw - 2 * b * u * w - 1.0,
        a * t3 + c * v3 + b * u3 + d * w3 - 1.0,
        c * t3 - a * v3 + d * u3 - b * w3 - 1.0,
    )


def propane_combustion(*x: Any) -> Any:
    """The residuals of MINPACK-2's combustion of propane in full, with p = 40 and R = 10."""
    import jax.numpy as jnp

    a, b, c, d, e, f, g, h, i, j, n = x
    p, ratio, sqrt = 40.0, 10.0, jnp.sqrt
    root = sqrt(p / n)
    return (
        a + d - 3.0,
        2 * a + b + d + g + h + i + 2 * j - ratio,
        2 * b + 2 * e + f + g - 8.0,
        2 * c + i - 4 * ratio,
        b * d - a * e,
        sqrt(b * d) - sqrt(a) * root * f,
        sqrt(a * b) - sqrt(d) * g * root,
        a - d * h * p / n,
        a * sqrt(c) - d * i * root,
        a**2 - d**2 * j * p / n,
        n - a - b - c - d - e - f - g - h - i - j,
    )


def black_scholes_gradient(*x: Any) -> Any:
    """All first derivatives of the price of an option (Black 1976), by JAX's reverse mode."""
    import jax

    return jax.grad(_black_scholes, argnums=(0, 1, 2, 3, 4))(*x)


def _black_scholes(spot: Any, strike: Any, rate: Any, sigma: Any, time: Any) -> Any:
    import jax.numpy as jnp
    from jax.scipy.special import erf

    forward = jnp.exp(rate * time) * spot
    d1 = (jnp.log(forward / strike) + (sigma**2) / 2.0 * time) / (sigma * jnp.sqrt(time))
    d2 = d1 - sigma * jnp.sqrt(time)
    n1, n2 = ((1.0 + erf(d / jnp.sqrt(2.0))) / 2 for d in (d1, d2))
    return jnp.exp(-rate * time) * (forward * n1 - strike * n2)


# ---------------------------------------------------------------------------------------- traces


def dag_of(function: Callable[..., Any], *examples: Any) -> dict[str, Any]:
    """A function as a DAG in the format of `irgraph plan-dag`: inputs first, then as JAX traces it."""
    import jax

    jaxpr = jax.make_jaxpr(function)(*examples).jaxpr
    trace = _Trace()
    trace.inputs(jaxpr.invars)
    trace.follow(jaxpr.eqns)
    outputs = [int(v) for out in jaxpr.outvars for v in trace.numbers(out).ravel()]
    edges = [[u, v, kind] for (u, v), kind in trace.edges.items()]
    inputs = list(range(sum(int(np.prod(var.aval.shape)) for var in jaxpr.invars)))
    return {"vertices": trace.count, "sizes": {}, "inputs": inputs, "outputs": outputs, "edges": edges}


class _Trace:
    """Vertices of every variable of a trace; -1 where a number depends on no input."""

    def __init__(self) -> None:
        self.count = 0
        self.edges: dict[tuple[int, int], str] = {}
        self.known: dict[Any, Any] = {}

    def inputs(self, variables: Sequence[Any]) -> None:
        for variable in variables:
            self.known[variable] = self.fresh(variable)

    def fresh(self, variable: Any) -> Any:
        shape = variable.aval.shape
        first, self.count = self.count, self.count + int(np.prod(shape))
        return np.arange(first, self.count).reshape(shape)

    def numbers(self, atom: Any) -> Any:
        literal = hasattr(atom, "val")
        return np.full(atom.aval.shape, -1) if literal or atom not in self.known else self.known[atom]

    def follow(self, equations: Sequence[Any]) -> None:
        for equation in equations:
            sources = [self.numbers(atom) for atom in equation.invars]
            if equation.primitive.name in ("jit", "pjit"):
                inner = equation.params["jaxpr"].jaxpr
                self.known |= zip(inner.invars, sources, strict=True)
                self.follow(inner.eqns)
                self.known |= zip(equation.outvars, map(self.numbers, inner.outvars), strict=True)
                continue
            (out,) = equation.outvars
            if all((source < 0).all() for source in sources):
                self.known[out] = np.full(out.aval.shape, -1)
                continue
            self.known[out] = target = self.fresh(out)
            for source, kind in zip(_aligned(equation, sources), _kinds(equation, sources), strict=True):
                self.join(source, target, kind)

    def join(self, source: Any, target: Any, kind: str) -> None:
        """Edges from numbers to numbers, by broadcasting; two between the same ones add up."""
        pairs = (each.ravel().tolist() for each in np.broadcast_arrays(source, target))
        for u, v in zip(*pairs, strict=True):
            if u >= 0:
                known = self.edges.get((u, v))
                self.edges[u, v] = kind if known is None else "x" if "x" in (known, kind) else "c"


def _aligned(equation: Any, sources: Sequence[Any]) -> list[Any]:
    """The vertices that each result is made of, in shapes that broadcast with the result's."""
    name, params = equation.primitive.name, equation.params
    shape = equation.outvars[0].aval.shape
    if name == "slice":
        where = zip(params["start_indices"], params["limit_indices"], strict=True)
        return [sources[0][tuple(slice(low, high) for low, high in where)]]
    if name in ("squeeze", "reshape"):
        return [sources[0].reshape(shape)]
    if name in ("reduce_sum", "dot_general"):  # of vectors here, to one number
        return [source.ravel() for source in sources]
    if name == "broadcast_in_dim":
        places = params["broadcast_dimensions"]
        sizes = [sources[0].shape[places.index(axis)] if axis in places else 1 for axis in range(len(shape))]
        return [sources[0].reshape(sizes)]
    return list(sources)


def _kinds(equation: Any, sources: Sequence[Any]) -> Sequence[str]:
    """What the partial derivatives are: ±1, a constant, or a variable."""
    name = equation.primitive.name
    if name in ("add", "add_any", "reduce_sum", "slice", "squeeze", "reshape", "broadcast_in_dim", "copy"):
        return ["1"] * len(sources)
    if name in ("sub", "neg"):
        return ["1", "-1"][-len(sources) :]
    if name in ("mul", "div"):
        first, second = ((source < 0).all() for source in sources)
        return ["c" if second else "x", "c" if first and name == "mul" else "x"]
    return ["x"] * len(sources)


# ----------------------------------------------------------------------------------------- files

ALPHAGRAD = "Lohoff and Neftci 2024, arXiv 2406.05027"
FIGURES = ("forward", "reverse", "markowitz", "best")
_VECTORS = [np.ones((1, n)) for n in (1, 3, 1, 1, 3, 1)]
GRAPHS: dict[str, tuple[Callable[..., Any], list[Any], tuple[int, ...]]] = {
    "roe_flux_1d": (roe_flux_1d, [0.1] * 6, (620, 364, 407, 320)),
    "roe_flux_3d": (roe_flux_3d, _VECTORS, (1556, 979, 938, 811)),
    "robot_arm_6dof": (robot_arm_6dof, [0.1] * 6, (397, 301, 288, 231)),
    "human_heart_dipole": (human_heart_dipole, [0.1] * 8, (240, 172, 194, 149)),
    "propane_combustion": (propane_combustion, [0.1] * 11, (151, 90, 111, 88)),
    "black_scholes_gradient": (black_scholes_gradient, [1.0] * 5, (545, 572, 350, 312)),
}


def main() -> None:
    """Write all files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, (function, examples, figures) in GRAPHS.items():
        published = dict(zip(FIGURES, figures, strict=True))
        content = {"name": name, "source": ALPHAGRAD, "published": published} | dag_of(function, *examples)
        (FOLDER / f"{name}.json").write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    main()
