"""Predicted flops against XLA's cost analysis, on 37 graphs.

Each graph is run by JAX node by node (`jax_graph`, composite ops as what they expand to) and lowered, not
optimized; XLA's count of it is the oracle. Conventions of both: a product and a sum are two flops, also
where hardware fuses them; a sum of n is n - 1; a comparison, a choice and a cast are one for each element;
what XLA calls transcendental (exp, tanh, sqrt, …) is one as well; moving data is none.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import irgraph as ig
from benchmarks.peers import installed
from benchmarks.report import Options, Row, missing
from benchmarks.worker import PeerError, json_of_module

PURPOSE = "predicted flops of a run, against XLA's count"
TARGET = "= XLA's"

Build = Callable[[], list[ig.Value]]


def run(options: Options) -> list[Row]:
    """Count all graphs in one process, which JAX is imported into."""
    if not installed("jax"):
        return [missing("flops", "JAX", "not installed", TARGET)]
    try:
        found: Any = json_of_module("benchmarks.flops", threads=options.threads)
    except PeerError as error:
        return [missing("flops", "JAX", str(error), TARGET)]
    return [
        Row(name, "irgraph", ours, "flops", ours / theirs, TARGET, ours == theirs, f"XLA {theirs:,.0f}")
        for name, (ours, theirs) in found.items()
    ]


def _layer(x: ig.Value, name: str, n: int, activation: Callable[[Any], ig.Value] = ig.tanh) -> ig.Value:
    w, b = ig.parameter(f"{name}/w", (x.shape[-1], n)), ig.parameter(f"{name}/b", (n,))
    return activation(x @ w + b)


def _mlp(activation: Callable[[Any], ig.Value], *widths: int) -> ig.Value:
    value = ig.input("x", (32, widths[0]))
    for n, width in enumerate(widths[1:]):
        value = _layer(value, f"layer{n}", width, activation)
    return value


def _classifier() -> ig.Value:
    labels = ig.input("y", (32,), "int64")
    return ig.softmax_cross_entropy(_mlp(ig.relu, 20, 16, 10), labels).mean()


def _gradients(loss: ig.Value) -> list[ig.Value]:
    parameters = [value for value in ig.Graph({"loss": loss}).states.values() if value.node.op.trainable]
    return [loss, *ig.grad(loss, parameters)]


def _images() -> ig.Value:
    x = _x(2, 1, 12, 12)
    for n, channels in enumerate((4, 6)):
        w = ig.parameter(f"conv{n}/w", (channels, x.shape[1], 3, 3))
        x = ig.average_pool(ig.relu(ig.conv(x, w, padding=1)), 2)
    logits = x.reshape((2, -1)) @ ig.parameter("w", (54, 10))
    return ig.softmax_cross_entropy(logits, ig.input("y", (2,), "int64")).mean()


def _normalized() -> ig.Value:
    scale, shift = ig.parameter("s", (3,)), ig.parameter("b", (3,))
    mean, variance = ig.state("mean", (3,)), ig.state("variance", (3,))
    return ig.batch_norm(_x(4, 3, 5), scale, shift, mean, variance, training=True)


def _attention(t: int = 6, d: int = 8) -> ig.Value:
    q, k, v = (ig.input(name, (4, t, d)) for name in "qkv")
    return ig.softmax(q @ ig.transpose(k, (0, 2, 1)) * d**-0.5) @ v


def _norm(x: ig.Value) -> ig.Value:
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = (centred * centred).mean(axis=-1, keepdims=True)
    return centred / ig.sqrt(variance + 1e-5)


def _step(optimizer: Any) -> list[ig.Value]:
    loss = _classifier()
    return [loss, *(new for _, new in optimizer.minimize(loss))]


def _x(*shape: int, name: str = "x") -> ig.Value:
    return ig.input(name, shape)


def _on(build: Callable[[ig.Value], list[ig.Value]]) -> list[ig.Value]:
    return build(_x(6, 7))


def _square_loss(value: ig.Value) -> ig.Value:
    return (value * value).mean()


def _attention_gradient() -> list[ig.Value]:
    result = _attention()
    return ig.grad(_square_loss(result), list(ig.Graph({"y": result}).inputs.values()))


def _hessian_product() -> list[ig.Value]:
    x, w, t = _x(64, 9), _x(9, name="w"), _x(9, name="t")
    loss = ig.log(1.0 + ig.exp(-(x @ w))).mean()
    return [ig.jvp(ig.grad(loss, w), w, t)]


GRAPHS: dict[str, Build] = {
    "matrix product": lambda: [_x(7, 5) @ _x(5, 9, name="y")],
    "batched product": lambda: [_x(3, 7, 5) @ _x(5, 9, name="y")],
    "vector products": lambda: [_x(5) @ _x(5, name="y")],
    "chain of products": lambda: [_x(4, 50) @ _x(50, 6, name="y") @ _x(6, 70, name="z")],
    "bias and broadcasting": lambda: [(_x(8, 1, 3) + _x(5, 1, name="y")) * 2.0],
    "reductions": lambda: _on(lambda x: [x.sum(axis=0), x.mean(), ig.max(x, axis=1)]),
    "choice": lambda: _on(lambda x: [ig.where(x > 0, x, _x(7, name="y"))]),
    "cast": lambda: [_x(6, 7).astype("float64") + 1.0],
    "slices": lambda: _on(lambda x: [x[::2, 1:] * x[1::-1][:1, :6]]),
    "transcendental": lambda: _on(lambda x: [ig.exp(ig.sin(x)) + ig.sqrt(ig.log(x))]),
    "softmax": lambda: [ig.softmax(_x(6, 7))],
    "log softmax": lambda: [ig.log_softmax(_x(6, 7), axis=0)],
    "logsumexp": lambda: [ig.logsumexp(_x(6, 7), axis=1)],
    "sigmoid": lambda: [ig.sigmoid(_x(6, 7))],
    "normalization": lambda: [_norm(_x(6, 7))],
    "normalization, gradient": lambda: _gradients(_square_loss(_norm(_x(6, 7) * ig.parameter("s", (7,))))),
    "perceptron, tanh": lambda: [_mlp(ig.tanh, 20, 30, 10)],
    "perceptron, relu": lambda: [_mlp(ig.relu, 20, 30, 10)],
    "perceptron, silu": lambda: [_mlp(ig.silu, 20, 30, 10)],
    "perceptron, gelu": lambda: [_mlp(ig.gelu, 20, 30, 10)],
    "perceptron, gradient": lambda: _gradients(_square_loss(_mlp(ig.tanh, 20, 30, 10))),
    "autoencoder, gradient": lambda: _gradients(_square_loss(_mlp(ig.tanh, 24, 8, 2, 8, 24))),
    "deep perceptron, gradient": lambda: _gradients(_square_loss(_mlp(ig.tanh, *[16] * 20))),
    "classifier": lambda: [_classifier()],
    "classifier, gradient": lambda: _gradients(_classifier()),
    "classifier, SGD with momentum": lambda: _step(ig.optim.SGD(0.1, momentum=0.9)),
    "classifier, Adam": lambda: _step(ig.optim.Adam(0.001)),
    "convolution": lambda: [ig.conv(_x(2, 3, 9, 8), _x(4, 3, 3, 3, name="w"))],
    "convolution, padded, strided, dilated, in groups": lambda: [
        ig.conv(_x(2, 4, 9, 8), _x(6, 2, 3, 3, name="w"), stride=2, padding=2, dilation=(1, 2), groups=2)
    ],
    "transposed convolution": lambda: [
        ig.conv_transpose(_x(2, 3, 5, 4), _x(3, 4, 3, 3, name="w"), stride=2, padding=1)
    ],
    "convolutional classifier": lambda: [_images()],
    "convolutional classifier, gradient": lambda: _gradients(_images()),
    "layer normalization": lambda: [ig.layer_norm(_x(6, 7), _x(7, name="s"), _x(7, name="b"))],
    "batch normalization, gradient": lambda: _gradients(_square_loss(_normalized())),
    "attention": lambda: [_attention()],
    "attention, gradient": _attention_gradient,
    "logistic regression, Hessian-vector product": _hessian_product,
}


def main() -> None:
    """Print (predicted, XLA's) of each graph, as JSON."""
    import jax

    jax.config.update("jax_enable_x64", True)
    print(json.dumps({name: count(build()) for name, build in GRAPHS.items()}))


def count(outputs: list[ig.Value]) -> tuple[int, int]:
    """Flops of one run, as predicted and as XLA counts them."""
    import jax
    import jax.numpy as jnp

    from benchmarks.jax_graph import run as run_in_jax

    graph = ig.Graph({f"y{n}": value for n, value in enumerate(outputs)})
    carried = [new for node in graph.nodes if node.op.name == "with_update" for new in node.inputs[2::2]]
    sources = [*graph.inputs.values(), *graph.states.values()]
    arrays = [jnp.zeros(value.shape, value.dtype.name) for value in sources]

    def forward(*points: Any) -> Any:
        return run_in_jax([*graph.outputs, *carried], dict(zip(sources, points, strict=True)), native=False)

    counted = jax.jit(forward).lower(*arrays).cost_analysis()
    theirs = counted.get("flops", 0) + counted.get("transcendentals", 0)
    return graph.cost().flops, int(theirs)


if __name__ == "__main__":
    main()
