"""An executor of one's own: each step computed in long double and rounded once, for checking other executors.

It knows a dozen ops. The conformance suite says whether what it knows is right, and what it lacks; then it
judges how far float32 on NumPy is from the truth.
"""

from collections import deque
from itertools import starmap

import numpy as np

import irgraph as ig
from irgraph.dims import bind
from irgraph.ops import arithmetic, cast, constants, elementary, matmul, reduce, shape, trigonometric
from irgraph.testing import conformance


def full(op, out, sizes):
    over = bind(op.over, sizes)
    return op.number * bind(op.times, sizes) / over if over else np.nan


KERNELS = {
    arithmetic.Add: lambda op, out, sizes, a, b: a + b,
    arithmetic.Subtract: lambda op, out, sizes, a, b: a - b,
    arithmetic.Multiply: lambda op, out, sizes, a, b: a * b,
    arithmetic.Divide: lambda op, out, sizes, a, b: a / b,
    arithmetic.Negative: lambda op, out, sizes, a: -a,
    elementary.Exp: lambda op, out, sizes, x: np.exp(x),
    elementary.Log: lambda op, out, sizes, x: np.log(x),
    trigonometric.Tanh: lambda op, out, sizes, x: np.tanh(x),
    matmul.Matmul: lambda op, out, sizes, a, b: a @ b,
    reduce.Sum: lambda op, out, sizes, x: x.sum(op.axes, keepdims=op.keepdims),
    reduce.Max: lambda op, out, sizes, x: x.max(op.axes, keepdims=op.keepdims),
    shape.Reshape: lambda op, out, sizes, x: x.reshape(out),
    cast.Cast: lambda op, out, sizes, x: x,
    constants.Constant: lambda op, out, sizes: op.data.array,
    constants.Full: full,
}


class CarefulExecutor:
    """The Executor protocol. An entry point would make it known by its name:

    [project.entry-points."irgraph.executors"]
    careful = "own_executor:CarefulExecutor"
    """

    name = "careful"

    def has_kernel(self, op):
        return op in KERNELS

    def is_single_pass(self, op):
        return False  # nothing is written over an input, and a commit only copies

    def prepare(self, plan, state, check=False):
        return CarefulPlan(plan, state, check)

    def to_device(self, array):
        return np.array(array)

    def to_host(self, array):
        return np.array(array)


class CarefulPlan:
    """The PreparedPlan protocol: one array for each buffer, made anew at each call."""

    def __init__(self, plan, state, check):
        self.plan, self.state, self.check = plan, state, check
        self.arena_nbytes = sum(buffer.nbytes for buffer in plan.buffers)

    def __call__(self, fed, out=None):
        plan = self.plan
        self.memory = {buffer: np.empty(buffer.nbytes, np.uint8) for buffer in plan.buffers}
        with np.errstate(all="ignore"):
            for slot, array in zip(plan.feeds.values(), fed, strict=True):
                self.write(slot, array)
            for node, inputs, outputs in (*plan.prologue, *plan.compute):
                arrays = [self.read(slot) for slot in inputs]
                kernel = KERNELS[type(node.op)]
                self.write(outputs[0], kernel(node.op, outputs[0].layout.shape, plan.sizes, *arrays))
        results = [self.array(slot).copy() for slot in plan.outputs]
        if out is not None:
            deque(map(np.copyto, out, results), maxlen=0)
            results = list(out)
        copies = [(self.array(target), self.array(source)) for target, source in plan.copies]
        deque(starmap(np.copyto, copies), maxlen=0)  # in one native call, where no signal handler runs
        return results

    def array(self, slot):
        buffer, layout, dtype = slot
        memory = self.state[buffer.variable] if buffer.kind == "state" else self.memory[buffer]
        strides = [stride * dtype.itemsize for stride in layout.strides]
        return np.ndarray(layout.shape, dtype.numpy, memory, layout.offset * dtype.itemsize, strides)

    def read(self, slot):
        array = self.array(slot)
        return array.astype(np.longdouble) if slot.dtype.is_float else array

    def write(self, slot, content):
        array = self.array(slot)
        array[...] = content
        if self.check and slot.dtype.is_float and not np.isfinite(array).all():
            raise ig.errors.NonFiniteError(f"found a number that is not finite in {slot.buffer.owner!r}")


careful = CarefulExecutor()
report = conformance(careful, dtypes=["float32"])
print("\n".join(str(report).splitlines()[:5]))

x, w = ig.input("x", ("batch", 64)), ig.parameter("w", (64, 64), init=ig.init.he_normal())
f = ig.compile(ig.log_softmax(ig.tanh(x @ w) @ w))
pixels = np.random.default_rng(0).normal(size=(32, 64))
print(ig.compare(f, [careful, "numpy"], x=pixels))
print(ig.compare(f, [careful, "numpy"], {"float32": 1e-7}, x=pixels))
raise SystemExit(not report.passed)
