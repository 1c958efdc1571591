"""A tape: the graph of a model written while it runs, and gradients back along it, in 30 lines of NumPy."""

import numpy as np

PULLS = {  # how the gradient g of y = f(a, b) goes back to a and b
    np.matmul: lambda g, y, a, b: (g @ b.T, a.T @ g),
    np.add: lambda g, y, a, b: (g, g),
    np.multiply: lambda g, y, a, b: (g * b, g * a),
    np.tanh: lambda g, y, a: (g * (1 - y * y),),
}


class Taped(np.lib.mixins.NDArrayOperatorsMixin):
    """An array on a tape: NumPy's functions of it write themselves there as they run."""

    def __init__(self, array, tape):
        self.array, self.tape = array, tape

    def __array_ufunc__(self, function, method, *inputs):
        y = Taped(function(*(each.array for each in inputs)), self.tape)
        self.tape.append((function, inputs, y))
        return y


def on_tape(model, **arrays):
    """The gradients of the sum of `model(**arrays)` by name, and the tape that was written for them."""
    tape = []
    wanted = {name: Taped(array, tape) for name, array in arrays.items()}
    result = model(**wanted)
    found = {id(result): np.ones_like(result.array)}
    for function, inputs, y in reversed(tape):
        if id(y) in found:
            pulled = PULLS[function](found[id(y)], y.array, *(each.array for each in inputs))
            for each, g in zip(inputs, pulled, strict=True):
                found[id(each)] = found.get(id(each), 0) + g
    return {name: found[id(each)] for name, each in wanted.items()}, tape
