"""An op from outside irgraph: its type, derivative, kernel, ONNX form, and the laws that it keeps.

The soft shrinkage of sparse coding: y = x - threshold for x > threshold, x + threshold for x < -threshold,
else 0 (Donoho, "De-noising by soft-thresholding", 1995). Replaying the ONNX model needs onnxruntime.
"""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar, final

import numpy as np

import irgraph as ig
from irgraph.ops.arithmetic import Elementwise
from irgraph.testing import check_derivatives, check_value
from irgraph_array import KERNELS, Kernel


@final
@dataclass(frozen=True)
class SoftShrink(Elementwise):
    """x moved towards 0 by a threshold, and 0 where it would cross it."""

    name: ClassVar[str] = "example.soft_shrink"
    float_only: ClassVar[bool] = True
    threshold: float

    def slopes(self, inputs, output):
        """d y / d x: 1 outside the thresholds, 0 between them."""
        return (ig.where(ig.equal(output, 0.0), 0.0, ig.ones((), output.dtype)),)

    def expand(self, x):
        """The same from simpler ops, for executors without a kernel."""
        return (x - ig.clip(x, -self.threshold, self.threshold),)

    def export(self, write, node):
        """ONNX has it as Shrink, since opset 9."""
        x, t = write.read(node.inputs[0]), self.threshold
        return [write.node("Shrink", x, since=9, lambd=t, bias=t)]


def soft_shrink(x, threshold=0.5):
    """x moved towards 0 by a threshold."""
    return SoftShrink(threshold)(x)


def bind_soft_shrink(context, op, inputs, outputs):
    """The kernel on NumPy-like arrays: two calls, so that it is no single pass."""
    (x,), (out,) = inputs, outputs
    yield partial(context.xp.clip, x, -op.threshold, op.threshold, out=out)
    yield partial(context.xp.subtract, x, out, out)


KERNELS[SoftShrink] = Kernel(bind_soft_shrink)

# ------------------------------------------------------------------------------------ its laws
samples = [np.array([[-2.0, -0.7, -0.2], [0.1, 0.8, 3.0]])]
check_value(soft_shrink, samples, lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0))
check_value(
    lambda x: SoftShrink(0.5).expand(x)[0], samples, lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0)
)
check_derivatives(soft_shrink, samples)

# ------------------------------------------------------------------------------------- its use
x = ig.input("x", ("n", 3))
y = soft_shrink(x)
f = ig.compile([y, ig.grad(y.sum(), x)])
print(*f(x=samples[0]), sep="\n")

predict = ig.compile(y)
replayed = ig.onnx.replay(ig.onnx.to_model(predict))(x=samples[0].astype("float32"))
print(*(array.tolist() == predict(x=samples[0]).tolist() for array in replayed.values()))
