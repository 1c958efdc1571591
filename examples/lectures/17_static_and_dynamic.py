"""Static against dynamic graphs: one model as irgraph's graph and on a tape (tape.py, 30 lines of NumPy)."""

import numpy as np
from diagrams import laid_out
from gallery import fastest, plt, show
from tape import on_tape

import irgraph as ig

SMALL = {"widths": (4, 32), "repeats": 3}


def rounds(x, w, tanh=np.tanh):
    """The model, h ← tanh(x + h w): the same lines for arrays on a tape and for values of a static graph."""
    h = tanh(x)
    for _ in range(3):
        h = tanh(x + h @ w)
    return h * h


def settled(x, w):
    """As many rounds as h changes. Such a `while` reads numbers; values of a static graph have none yet."""
    h = np.tanh(x)
    while abs((new := np.tanh(x + h @ w)).array - h.array).max() > 1e-4:
        h = new
    return h * h


def main(widths=(4, 8, 16, 32, 64, 128, 256), repeats=20):
    x, w = ig.input("x", ("batch", "n"), "float64"), ig.input("w", ("n", "n"), "float64")

    def one_of_40(h, _):  # the static form of the `while`: always 40 rounds, but a settled h stays
        new = ig.tanh(x + h @ w)
        return ig.where(ig.max(abs(new - h)) > 1e-4, new, h), None

    h, y = ig.scan(one_of_40, ig.tanh(x), length=40)[0], rounds(x, w, ig.tanh)
    static, loop = (ig.compile(ig.grad(result.sum(), w)) for result in (y, h * h))  # before any data
    random, sizes = np.random.default_rng(0), np.linspace(0.05, 0.95, 19)
    xw = [{"x": random.normal(size=(8, n)), "w": np.linalg.qr(random.normal(size=(n, n)))[0]} for n in widths]
    fixed = [abs(on_tape(rounds, **each)[0]["w"] - static(**each)).max().item() for each in xw]
    scaled = ({"x": xw[0]["x"], "w": size * xw[0]["w"]} for size in sizes)
    both = [(*on_tape(settled, **each), loop(**each)) for each in scaled]

    figure, axes = plt.subplot_mosaic("gg;wt", figsize=(13, 7), height_ratios=(2, 3))
    laid_out(axes["g"], ig.draw(y, direction="right", legend=False, shapes=False))
    axes["g"].set_title("The static graph of three rounds, before any data")
    axes["w"].plot(sizes, [len(tape) // 3 for _, tape, _ in both], "o", label="tape: until h has settled")
    axes["w"].plot(sizes, np.full(19, 40), label="static graph: 40, settled or not")
    axes["w"].set(title="A loop until h has settled", xlabel="size of w", ylabel="rounds", ylim=0)
    for name, run in {"tape": lambda **each: on_tape(rounds, **each), "static graph": static}.items():
        axes["t"].loglog(widths, [fastest(run, repeats, **each) for each in xw], "o-", label=name)
    axes["t"].set(title="Time of three rounds and their gradient", xlabel="width n", ylabel="microseconds")
    axes["w"].legend(), axes["t"].legend()
    numbers = {"rounds": [len(tape) // 3 for _, tape, _ in both], "apart, three rounds": fixed}
    return figure, numbers | {"apart, settled": [abs(g["w"] - h).max().item() for g, _, h in both]}


if __name__ == "__main__":
    show(main)
