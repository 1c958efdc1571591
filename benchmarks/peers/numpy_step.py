"""The step written by hand in NumPy: the reference of every ratio.

It is meant to be as fast as a careful person gets without leaving NumPy. What was measured and kept:

- every array is allocated once for a batch size, and every call writes into one of them;
- all parameters lie in one flat buffer and all gradients in another, so that SGD is two calls in all;
- `np.dot` starts sooner than `np.matmul`; sums over rows and columns are products with ones, which BLAS
  does two to three times as fast as `np.add.reduce`;
- `np.maximum` against a row of zeros is twice as fast as against the scalar 0;
- relu's gradient is taken on the bit patterns: for h ≥ 0, (-bits(h)) >> 31 is all ones where h > 0 and
  zero elsewhere, which beats a comparison followed by a product of float32 and bool.

Updating each layer as soon as its gradient is there, or in blocks that fit the cache, was slower than one
pass over the flat buffers. `numpy_tuned_step` goes further and is listed beside the reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.peers import Optimizer
from benchmarks.problems import Array, Problem


class NumpyStep:
    """Forward, backward and SGD with preallocated buffers."""

    def __init__(self, problem: Problem, optimizer: Optimizer = "sgd") -> None:
        if optimizer != "sgd":
            raise NotImplementedError("the hand-written step is plain SGD")
        self._sizes, self._layers = problem.sizes, problem.layers
        self._rate = np.float32(problem.rate)
        count = sum(fan_in * fan_out + fan_out for fan_in, fan_out in self._layers)
        self._parameters = np.empty(count, np.float32)
        self._gradients = np.empty(count, np.float32)
        self._matrices, self._biases = self._views(self._parameters)
        self._matrix_gradients, self._bias_gradients = self._views(self._gradients)
        self._buffers: dict[int, Any] = {}
        self.load(problem.initial_weights())

    def _views(self, flat: Array) -> tuple[list[Array], list[Array]]:
        matrices, biases, start = [], [], 0
        for fan_in, fan_out in self._layers:
            matrices.append(flat[start : start + fan_in * fan_out].reshape(fan_in, fan_out))
            start += fan_in * fan_out
            biases.append(flat[start : start + fan_out])
            start += fan_out
        return matrices, biases

    def place(self, x: Array, y: Any) -> tuple[Array, Any]:
        """NumPy arrays are what this step takes."""
        return x, y

    def step(self, x: Array, y: Any) -> Any:
        """Take one step and return the mean loss."""
        buffers = self._buffers.get(len(x))
        if buffers is None:
            buffers = self._buffers[len(x)] = self._plan(len(x))
        loss = self._loss(buffers, x, y)
        self._backward(buffers, x)
        self._update()
        return loss

    def weights(self) -> list[Array]:
        """Return copies of the parameters."""
        pairs = zip(self._matrices, self._biases, strict=True)
        return [array.copy() for pair in pairs for array in pair]

    def load(self, weights: Sequence[Array]) -> None:
        """Overwrite the parameters."""
        for matrix, source in zip(self._matrices, weights[::2], strict=True):
            matrix[...] = source
        for bias, source in zip(self._biases, weights[1::2], strict=True):
            bias[...] = source

    def buffer_bytes(self, batch: int) -> int:
        """Return the bytes of activations, cotangents, scratch and gradients, without the parameters."""
        return int(self._buffers[batch].nbytes() + self._gradients.nbytes)

    def _plan(self, batch: int) -> Any:
        return _Buffers(self._sizes, batch, self._matrices, self._biases)

    def _loss(self, buffers: Any, x: Array, y: Any) -> Any:
        """Leave d loss / d logits in the last cotangent and return the loss."""
        dot, add, maximum = np.dot, np.add, np.maximum
        inputs = x
        for matrix, bias, z, zeros in buffers.hidden:
            dot(inputs, matrix, z)
            add(z, bias, z)
            maximum(z, zeros, out=z)
            inputs = z
        logits, cotangent, scale = buffers.logits, buffers.cotangents[-1], buffers.scale
        dot(inputs, self._matrices[-1], logits)
        add(logits, self._biases[-1], logits)
        maximum.reduce(logits, axis=1, keepdims=True, out=buffers.row)
        np.subtract(logits, buffers.row, logits)
        np.exp(logits, cotangent)
        sums, row = buffers.sums, buffers.flat_row
        dot(cotangent, buffers.class_ones, sums)
        np.log(sums, row)
        add(buffers.row_starts, y, buffers.picks)
        picked = buffers.flat_logits[buffers.picks]
        np.subtract(row, picked, row)
        loss = dot(buffers.ones, row) / len(row)
        np.divide(scale, sums, sums)
        np.multiply(cotangent, buffers.sum_column, cotangent)
        buffers.flat_cotangent[buffers.picks] -= scale
        return loss

    def _backward(self, buffers: Any, x: Array) -> None:
        """Fill the flat gradient buffer, last layer first."""
        dot, ones = np.dot, buffers.ones
        cotangent = buffers.cotangents[-1]
        outer = zip(self._matrix_gradients[:0:-1], self._bias_gradients[:0:-1], buffers.backward, strict=True)
        for matrix_gradient, bias_gradient, (transposed_h, transposed_matrix, below, bits) in outer:
            dot(transposed_h, cotangent, matrix_gradient)
            dot(ones, cotangent, bias_gradient)
            dot(cotangent, transposed_matrix, below)
            h_bits, below_bits, mask = bits
            np.negative(h_bits, mask)
            np.right_shift(mask, 31, mask)
            np.bitwise_and(below_bits, mask, below_bits)
            cotangent = below
        dot(x.T, cotangent, self._matrix_gradients[0])
        dot(ones, cotangent, self._bias_gradients[0])

    def _update(self) -> None:
        np.multiply(self._gradients, self._rate, self._gradients)
        np.subtract(self._parameters, self._gradients, self._parameters)


class _Buffers:
    """All that one batch size needs, with the views of it that the step would otherwise rebuild."""

    def __init__(
        self,
        sizes: tuple[int, ...],
        batch: int,
        matrices: Sequence[Array],
        biases: Sequence[Array],
    ) -> None:
        widths, classes = sizes[1:-1], sizes[-1]
        activations = [np.empty((batch, width), np.float32) for width in widths]
        self.cotangents = [np.empty((batch, width), np.float32) for width in sizes[1:]]
        masks = {width: np.empty((batch, width), np.int32) for width in widths}
        zeros = {width: np.zeros(width, np.float32) for width in widths}
        self.scale = np.float32(1.0 / batch)
        rows = [zeros[width] for width in widths]
        self.hidden = list(zip(matrices[:-1], biases[:-1], activations, rows, strict=True))
        bits = [
            (h.view(np.int32), below.view(np.int32), masks[h.shape[1]])
            for h, below in zip(activations, self.cotangents[:-1], strict=True)
        ]
        self.backward = [
            (h.T, matrix.T, below, patterns)
            for h, matrix, below, patterns in zip(
                activations, matrices[1:], self.cotangents[:-1], bits, strict=True
            )
        ][::-1]
        self.logits = np.empty((batch, classes), np.float32)
        self.flat_logits = self.logits.reshape(-1)
        self.flat_cotangent = self.cotangents[-1].reshape(-1)
        self.row = np.empty((batch, 1), np.float32)
        self.flat_row = self.row.reshape(-1)
        self.sums = np.empty(batch, np.float32)
        self.sum_column = self.sums.reshape(-1, 1)
        self.ones = np.ones(batch, np.float32)
        self.class_ones = np.ones(classes, np.float32)
        self.row_starts = np.arange(batch) * classes
        self.picks = np.empty(batch, np.int64)
        self._owned: list[np.ndarray[Any, Any]] = [
            *activations,
            *self.cotangents,
            *masks.values(),
            *zeros.values(),
            self.logits,
        ]
        self._owned += [self.row, self.sums, self.ones, self.class_ones, self.row_starts, self.picks]

    def nbytes(self) -> int:
        return sum(array.nbytes for array in self._owned)
