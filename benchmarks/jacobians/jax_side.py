"""What JAX is asked: jitted, in its own ways, and with the order or structure that somebody found by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.jacobians.cases import Case, Task, morse
from benchmarks.jacobians.sparse import CsrLayout

Call = Callable[[], Any]


def variants(case: Case, task: Task) -> dict[str, Call]:
    """Calls by label; each returns when its result is computed."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    if case.kind == "bundle":
        return {"JAX, one observation by hand": bundle()}
    names = ("tanh", "exp", "sqrt", "sin", "cos", "where", "sum", "stack", "swapaxes")
    xp = SimpleNamespace(
        **{name: getattr(jnp, name) for name in names},
        logsumexp=jax.nn.logsumexp,
        softplus=jax.nn.softplus,
    )
    p = {name: jnp.asarray(array) for name, array in task.parameters.items()}
    x = jnp.asarray(task.x)

    def single(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda x, p: function(xp, p, x, jnp.asarray)

    def by_hand(x: Any, p: Any) -> Any:
        matrices = []
        for piece, mode in task.pieces:
            f = single(piece)
            matrices.append((jax.jacfwd if mode == "forward" else jax.jacrev)(f)(x, p))
            x = f(x, p)
        return reduce(lambda right, left: left @ right, matrices)

    f = single(task.function)
    over_batch = partial(jax.vmap, in_axes=(0, None))
    wanted: dict[str, Callable[..., Any]] = {
        "jacobian": {"jacrev": jax.jacrev(f), "jacfwd": jax.jacfwd(f), "order by hand": by_hand},
        "batch": {
            "vmap(jacrev)": over_batch(jax.jacrev(f)),
            "vmap(jacfwd)": over_batch(jax.jacfwd(f)),
            "order by hand": over_batch(by_hand),
        },
        "gradient": {"grad": jax.grad(f), "jacfwd": jax.jacfwd(f)},
        "hessian": {
            "hessian": jax.hessian(f),
            "jacfwd(grad)": jax.jacfwd(jax.grad(f)),
            "jacrev(grad)": jax.jacrev(jax.grad(f)),
        },
        "diagonal": {
            "structure by hand": lambda x, p: jax.jvp(lambda x: f(x, p), (x,), (jnp.ones_like(x),))[1]
        },
        "pairs": {"hessian": jax.hessian(f), "structure by hand": lambda x, p: pair_blocks(xp, x)},
    }[case.kind]
    if not task.pieces:
        wanted.pop("order by hand", None)
    calls = {}
    for name, function in wanted.items():
        label = f"JAX, {name}" if "by hand" in name else f"JAX {name}"
        if label not in case.without:
            calls[label] = _awaited(jax.jit(function), x, p)
    return calls


def _awaited(function: Callable[..., Any], *arguments: Any) -> Call:
    return lambda: function(*arguments).block_until_ready()


def pair_blocks(xp: Any, x: Any) -> Any:
    """The Hessian of a sum over pairs, known to be made of 3 x 3 blocks: (N, 3, N, 3)."""
    import jax
    import jax.numpy as jnp

    n = len(x)
    apart = x[:, None] - x[None]
    apart = apart + jnp.eye(n)[:, :, None]  # no distance is 0; the diagonal is overwritten
    block = jax.vmap(jax.vmap(jax.hessian(lambda d: morse(xp, (d * d).sum()))))(apart)
    block = jnp.where(jnp.eye(n, dtype=bool)[:, :, None, None], 0, block)
    own = block.sum(1)
    return (-block).at[jnp.arange(n), jnp.arange(n)].set(own).transpose(0, 2, 1, 3)


def bundle() -> Call:
    """Each observation's blocks by vmap(jacfwd), laid out as CSR in a pattern made once."""
    import jax
    import jax.numpy as jnp

    from benchmarks.adbench import bundle as bundles
    from benchmarks.adbench.data import read_bundle

    data = read_bundle(noise=0.01)

    def one(camera: Any, point: Any, weight: Any, feature: Any) -> Any:
        return weight * (bundles.project(jnp, camera[None], point[None], jnp.asarray)[0] - feature)

    @jax.jit
    def blocks(cameras: Any, points: Any, weights: Any) -> Any:
        seen = cameras[data.camera_of], points[data.point_of], weights, jnp.asarray(data.features)
        return *jax.vmap(jax.jacfwd(one, (0, 1, 2)))(*seen), -2 * weights

    layout = CsrLayout(data)
    given = tuple(map(jnp.asarray, (data.cameras, data.points, data.weights)))
    return lambda: layout.matrix(*map(np.asarray, blocks(*given)))
