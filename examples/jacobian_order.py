"""The order of a Jacobian's product: what forward mode, reverse mode and the planner's order take, measured.

Saves the plan as jacobian_order.svg, which needs a layout program: pip install "irgraph[view]". For steady
times on a busy machine give BLAS one thread: OPENBLAS_NUM_THREADS=1.
"""

from itertools import pairwise

import numpy as np

import irgraph as ig

# ------------------------------------------------ an autoencoder: 784 numbers through a waist of 32
widths = 784, 256, 32, 256, 784
x = y = ig.input("x", (widths[0],))
for n, (size, width) in enumerate(pairwise(widths), start=1):
    w = ig.parameter(f"w{n}", (size, width), init=ig.init.glorot_uniform())
    y = ig.tanh(y @ w).named(f"h{n}")

plan = ig.plan_jacobian(y, x)
print(plan, end="\n\n")
plan.draw("jacobian_order.svg", title="784 numbers through 32")

# --------------------------------------------------------- the same orders on a clock, in turn
image = np.random.default_rng(0).normal(size=widths[0]).astype("float32")
measured = plan.measure(x=image)
for candidate in plan.candidates:
    flops, seconds = candidate.effort.flops, measured[candidate.name].seconds
    print(f"{candidate.name:8} {flops:12,} flops, {1e3 * seconds:7.2f} ms measured")

# -------------------------------------------- whatever the order, the matrix is the same one
orders = {candidate.name: ig.jacobian(y, x, candidate.order, "dense") for candidate in plan.candidates}
found = ig.compile(orders, seed=0)(x=image)
largest = max(abs(matrix - found["chain"]).max() for matrix in found.values())
print(f"they differ by {largest / abs(found['chain']).max():.0e} at most")
