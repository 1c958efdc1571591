"""What irgraph is asked: `jacobian`, `batch_jacobian`, `hessian`, and some cases in its own plain modes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.jacobians.cases import Case, Task

Call = Callable[[], Any]


def variants(case: Case, task: Task) -> dict[str, Call]:
    """Calls by label. Each feeds the point and returns what it was asked for, in fresh arrays."""
    if case.kind == "bundle":
        return {"irgraph": bundle()}
    labels = {"irgraph": "auto"}
    if case.modes:
        labels |= {"irgraph, forward": "forward", "irgraph, reverse": "reverse"}
    calls = {}
    for label, mode in labels.items():
        function = compiled(case, task, mode)
        feeds = {"x": task.x} if function.graph.inputs else {}  # a Hessian may be constant
        calls[label] = partial(function, **feeds)
    return calls


def compiled(case: Case, task: Task, mode: str = "auto") -> Any:
    """The function of one case in one mode; weights are its state."""
    import irgraph as ig

    x = ig.input("x", task.x.shape, str(task.x.dtype))
    p = {name: ig.parameter(name, a.shape, str(a.dtype)) for name, a in task.parameters.items()}
    y = task.function(ig, p, x, ig.constant)
    match case.kind:
        case "jacobian" | "gradient":
            result = ig.jacobian(y, x, mode=mode, format="dense")
        case "batch":
            result = ig.batch_jacobian(y, x)
        case "hessian" | "pairs":
            result = ig.hessian(y, x, mode=mode, format="dense")
        case "diagonal":
            result = ig.jacobian(y, x, format="structured")
        case _:
            raise ValueError(case.kind)
    function = ig.compile(result, seed=0)
    for name, array in task.parameters.items():
        if name in function.state:  # a Hessian may not depend on all
            function.state[name] = array
    return function


def bundle() -> Call:
    """All residuals towards all parameters, each kind of parameter an input: blocks of CSR matrices."""
    import irgraph as ig
    from benchmarks.adbench import bundle as bundles
    from benchmarks.adbench.data import read_bundle

    data = read_bundle(noise=0.01)
    feeds = {"cameras": data.cameras, "points": data.points, "weights": data.weights}
    values = {name: ig.input(name, array.shape, "float64") for name, array in feeds.items()}
    errors = bundles.errors(ig, *values.values(), data, ig.constant)
    function = ig.compile(ig.jacobian(list(errors), list(values.values()), format="sparse"))
    return lambda: function(**feeds)
