"""What torch is asked: `torch.func`, eager."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial, reduce
from types import SimpleNamespace
from typing import Any

from benchmarks.jacobians.cases import Case, Task
from benchmarks.jacobians.sparse import CsrLayout

Call = Callable[[], Any]


def variants(case: Case, task: Task) -> dict[str, Call]:
    """Calls by label."""
    import torch
    from torch.func import grad, hessian, jacfwd, jacrev, jvp, vmap

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    if case.kind == "bundle":
        return {"torch, one observation by hand": bundle()}
    names = ("tanh", "exp", "sqrt", "sin", "cos", "where", "sum", "stack", "swapaxes", "logsumexp")
    xp = SimpleNamespace(
        **{name: getattr(torch, name) for name in names}, softplus=torch.nn.functional.softplus
    )
    p = {name: torch.from_numpy(array) for name, array in task.parameters.items()}
    x = torch.from_numpy(task.x)

    def single(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda x: function(xp, p, x, torch.as_tensor)

    def by_hand(x: Any) -> Any:
        matrices = []
        for piece, mode in task.pieces:
            f = single(piece)
            matrices.append((jacfwd if mode == "forward" else jacrev)(f)(x))
            x = f(x)
        return reduce(lambda right, left: left @ right, matrices)

    f = single(task.function)
    wanted: dict[str, Callable[..., Any]] = {
        "jacobian": {"jacrev": jacrev(f), "jacfwd": jacfwd(f), "order by hand": by_hand},
        "batch": {
            "vmap(jacrev)": vmap(jacrev(f)),
            "vmap(jacfwd)": vmap(jacfwd(f)),
            "order by hand": vmap(by_hand),
        },
        "gradient": {"grad": grad(f), "jacfwd": jacfwd(f)},
        "hessian": {
            "hessian": hessian(f),
            "jacfwd(grad)": jacfwd(grad(f)),
            "jacrev(grad)": jacrev(grad(f)),
        },
        "diagonal": {"structure by hand": lambda x: jvp(f, (x,), (torch.ones_like(x),))[1]},
        "pairs": {"hessian": hessian(f)},
    }[case.kind]
    if not task.pieces:
        wanted.pop("order by hand", None)
    calls = {}
    for name, function in wanted.items():
        label = f"torch, {name}" if "by hand" in name else f"torch {name}"
        if label not in case.without:
            calls[label] = partial(function, x)
    return calls


def bundle() -> Call:
    """Each observation's blocks by vmap(jacfwd), laid out as CSR in a pattern made once."""
    import torch
    from torch.func import jacfwd, vmap

    from benchmarks.adbench import bundle as bundles
    from benchmarks.adbench.data import read_bundle

    data = read_bundle(noise=0.01)
    features = torch.from_numpy(data.features)
    cameras, points, weights = map(torch.from_numpy, (data.cameras, data.points, data.weights))

    def one(camera: Any, point: Any, weight: Any, feature: Any) -> Any:
        return weight * (bundles.project(torch, camera[None], point[None], torch.as_tensor)[0] - feature)

    layout, blocks = CsrLayout(data), vmap(jacfwd(one, (0, 1, 2)))

    def call() -> Any:
        found = blocks(cameras[data.camera_of], points[data.point_of], weights, features)
        return layout.matrix(*(block.numpy() for block in found), (-2 * weights).numpy())

    return call
