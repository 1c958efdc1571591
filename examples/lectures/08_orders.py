"""Orders of the chain rule for y = y(c(b(a))): forward, reverse, from the middle; what each bracketing costs.

Forward keeps the columns of F1, reverse the rows of the last factor. A chain's best brackets come from
dynamic programming; a general graph's fewest multiplications (optimal Jacobian accumulation) are NP-complete.
"""

from itertools import pairwise, permutations

import numpy as np
from gallery import plt, show

import irgraph as ig

LOSS, INPUT, WAIST = (256, 128, 64, 1), (1, 64, 128, 256), (256, 64, 8, 64, 256)  # D1, D2, … of the notes
CHAINS = {"a scalar loss: reverse": LOSS, "a scalar input: forward": INPUT, "a waist: from the middle": WAIST}


def bracketing(cuts, count):
    """The brackets if factors F1, F2, … are joined at these cuts in turn; the products as (from, at, to)."""
    parts, products = [(n, n + 1, f"F{n + 1}") for n in range(count)], []
    for cut in cuts:
        at = [last for _, last, _ in parts].index(cut)
        (first, _, right), (_, last, left) = parts[at : at + 2]
        parts[at : at + 2] = [(first, last, f"({left} {right})")]
        products.append((first, cut, last))
    return parts[0][2][1:-1], products


def main():
    figure, axes = plt.subplots(2, 3, figsize=(15, 6.6), width_ratios=(1, 1, 1.3))
    numbers = {}
    for (bars, boxes), (name, d) in zip(axes.T, CHAINS.items(), strict=True):
        x = y = ig.input("a", d[:1])
        for n, shape in enumerate(pairwise(d), 1):
            y = ig.tanh(y @ ig.parameter(f"W{n}", shape, init=ig.init.glorot_normal()))
        plan = ig.plan_jacobian(y, x)  # what the planner chooses; its vertices are the cuts between factors
        cuts = {vertex: n for n, vertex in enumerate(sorted(plan.vertices), 1)}
        costs, flops = {}, {}
        for order in permutations(cuts):
            text, products = bracketing(map(cuts.get, order), len(d) - 1)
            costs[text] = sum(d[i] * d[j] * d[k] for i, j, k in products)
            flops[text] = ig.plan_jacobian(y, x, mode=order, format="dense").cost.flops
        chosen, products = bracketing(map(cuts.get, plan.order), len(d) - 1)
        numbers[name] = {"chosen": chosen, "multiplications": costs, "flops of its nodes": flops}
        colours = ["C1" if text == chosen else "C0" for text in costs]
        bars.bar_label(bars.barh([*costs], [*costs.values()], color=colours), fmt="{:,.0f}", padding=3)
        bars.set(title=f"{name}, {d}", xscale="log", xlim=(1e4, 3e7), xlabel="multiplications (plan: orange)")
        for n, (i, k) in enumerate([*pairwise(range(len(d))), *((i, k) for i, _, k in products)], 2 - len(d)):
            size, at = np.sqrt([d[i], d[k]]) / 22, np.array([-i - k, -2 * max(n, 0)]) / 2
            boxes.add_patch(plt.Rectangle(at - size / 2, *size, color="C1" if n > 0 else "C0"))
            text = f"{'' if n > 0 else f'F{k}: '}{d[k]}×{d[i]}"
            boxes.text(at[0], at[1] - size[1] / 2 - 0.04, text, ha="center", va="top")
        boxes.set(xlim=(0.9 - len(d), 0.1), ylim=(1.2 - len(d), 0.5), title=f"{chosen}, product by product")
        boxes.axis("off")
    return figure, numbers


if __name__ == "__main__":
    show(main)
