"""The chain rule as a sum over paths: it equals the backward pass, which does not walk them one by one."""

import networkx as nx
import numpy as np
from diagrams import BLUE, RED, computation
from gallery import plt, show

import irgraph as ig


def walk(y, a):
    """The nodes' names; at a = 1 each edge's partial derivative, and their product along each path."""
    nodes, network = ig.Graph([y]).nodes, nx.DiGraph(ig.to_networkx(y))
    start, end = nodes.index(a.node), nodes.index(y.node)
    edges = list(network.subgraph({start, *nx.descendants(network, start)}).edges())
    # no path runs beside an edge in these graphs, so d end / d start is the edge's own partial derivative
    partials = ig.compile([ig.grad(nodes[v].outputs[0], nodes[u].outputs[0]) for u, v in edges])(a=1.0)
    partial = dict(zip(edges, map(float, partials), strict=True))
    paths = map(tuple, nx.all_simple_edge_paths(network, start, end))
    products = {path: float(np.prod([partial[edge] for edge in path])) for path in paths}
    return dict(network.nodes(data="name")), partial, products


def units(a, depth):
    """`depth` layers of three tanh units with random weights, each unit a value of its own."""
    random, layer = np.random.default_rng(0), [a]
    for _ in range(depth):
        layer = [ig.tanh(sum(h * float(random.normal()) for h in layer)) for _ in range(3)]
    return sum(layer)


def main(depths=range(1, 8)):
    a = ig.input("a", (), "float64")
    b1, b2, b3 = ig.sin(a).named("b₁"), ig.exp(a).named("b₂"), ig.sqrt(a).named("b₃")
    c1, c2 = (b1 * b2).named("c₁"), (b2 + b3).named("c₂")
    name, partial, products = walk((c1 / c2).named("y"), a)
    text = {" ".join(f"∂{name[v]}/∂{name[u]}" for u, v in path[::-1]): p for path, p in products.items()}
    lines = "\n".join([*(f"{path} = {p:.3f}" for path, p in text.items()), f"sum: {sum(text.values()):.3f}"])
    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 5.6))
    computation(left, name, {edge: f"{p:.3f}" for edge, p in partial.items()})
    left.text(3, -1.4, lines, ha="center", va="top", size=12)
    left.set(title="∂y/∂a at a = 1: a product along each path, summed over the paths", ylim=(-2.8, 1.4))

    walked, swept, sums = [], [], []
    for depth in depths:
        y = units(a, depth)
        slope, products = ig.grad(y, a), walk(y, a)[2]
        walked.append(sum(len(path) - 1 for path in products))  # multiplications
        swept.append(ig.Graph([y, slope]).cost().flops - ig.Graph([y]).cost().flops)
        sums.append((sum(products.values()), float(ig.evaluate(slope, a=1.0))))
    right.semilogy(depths, walked, "o-", color=RED, label="walking every path: multiplications")
    right.semilogy(depths, swept, "s-", color=BLUE, label="the backward pass: all its operations")
    right.set(title="three units a layer: 3ᵈ paths", xlabel="hidden layers d", ylabel="operations")
    right.legend()
    return figure, {"paths": text, "walked": walked, "swept": swept, "sums and slopes": sums}


if __name__ == "__main__":
    show(main)
