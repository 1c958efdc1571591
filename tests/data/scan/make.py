"""Writes jax.json: scans and their derivatives in float64, by JAX.

    python tests/data/scan/make.py

Inputs are waves (`wave` below and in tests/test_scan.py), so that they need not be stored.
"""

import json
import math
from pathlib import Path

import jax
import numpy as np
from jax import numpy as jnp

jax.config.update("jax_enable_x64", True)


def wave(shape, number):
    """Distinct numbers between -1 and 1."""
    return np.cos(1.7 * (np.arange(math.prod(shape)) + 1) * (1 + number / 7)).reshape(shape)


def rnn(x, w, h):
    last, hs = jax.lax.scan(lambda h, x: (jnp.tanh(h @ w + x),) * 2, h, x)
    return (hs * hs).sum() + last.sum()


def both(x, w, h):
    """Two carries, from the end, with an output that is not carried."""

    def step(carry, x):
        a, b = carry
        return (b, jnp.sin(a @ w) + x * b), {"y": a * x, "z": x.sum()}

    (a, b), ys = jax.lax.scan(step, (h, h * 2), x, reverse=True)
    return (a * b).sum() + (ys["y"] ** 2).sum() + jnp.tanh(ys["z"]).sum()


def power(x, w, h):
    """No arrays to scan over."""
    last, ys = jax.lax.scan(lambda h, _: (h @ w, h), h, None, length=4)
    return (last * ys.sum(0)).sum() + x.sum()


def nested(x, w, h):
    def outer(h, x):
        return jax.lax.scan(lambda s, e: (jnp.tanh(s @ w + e), s * h), h, jnp.stack([x, 2 * x, x * x]))

    last, ys = jax.lax.scan(outer, h, x)
    return (ys * ys).sum() + last.sum()


SHAPES = ((5, 2, 3), (3, 3), (2, 3))


def stored(array):
    return [float(f"{value:.13g}") for value in np.asarray(array).reshape(-1)]


def main():
    inputs = [jnp.asarray(wave(shape, number)) for number, shape in enumerate(SHAPES)]
    tangents = [jnp.asarray(wave(shape, number + 3)) for number, shape in enumerate(SHAPES)]
    found = {"jax": jax.__version__, "cases": {}}
    for function in (rnn, both, power, nested):
        gradient = jax.grad(function, (0, 1, 2))
        _, tangent = jax.jvp(function, inputs, tangents)
        _, second = jax.jvp(gradient, inputs, tangents)
        found["cases"][function.__name__] = {
            "value": stored(function(*inputs)),
            "gradient": list(map(stored, gradient(*inputs))),
            "tangent": stored(tangent),
            "second": list(map(stored, second)),
            "hessian": stored(jax.hessian(function, 2)(*inputs)),
        }
    text = json.dumps(found, indent=0).replace(",\n", ", ").replace("[\n", "[").replace("\n]", "]")
    (Path(__file__).parent / "jax.json").write_text(text.replace('}, "', '},\n"') + "\n")


main()
