"""Weight symmetry: backpropagation sends errors back through the forward weights, which no brain can know.
Feedback alignment sends them through random weights that never change (Lillicrap et al., 2016)."""

import numpy as np
from data import batches, digits
from gallery import plt, show

import irgraph as ig

SMALL = {"epochs": 6}
SHAPES = (64, 100), (100, 50), (50, 10)
RULES = ("backpropagation", "only the last layer learns", "feedback alignment")


def through(h, w, back):
    """The value of h w, with its derivative towards w; but what goes back to h goes through `back`."""
    echo = h @ ig.stop_gradient(back)
    return ig.stop_gradient(h) @ w + (echo - ig.stop_gradient(echo))  # the echo adds 0, and a derivative


def network(x, w, back):
    return through(ig.tanh(through(ig.tanh(x @ w[0]), w[1], back[1])), w[2], back[2])


def main(epochs=20):
    (images, labels), _ = digits()
    random, numbers = np.random.default_rng(0), {}
    x, y = ig.input("x", ("batch", 8, 8)), ig.input("y", ("batch",), "int64")
    w = [ig.parameter(f"w{n}", (n, m), init=ig.init.lecun_normal()) for n, m in SHAPES]
    b = [ig.constant(random.normal(size=each.shape) / each.shape[1] ** 0.5, "float32") for each in w]
    logits = [network(x.reshape("batch", 64), w, back) for back in (w, b)]
    exact, feedback = (ig.losses.softmax_cross_entropy(each, y) for each in logits)
    one, other = (g / ig.norm(g) for g in (ig.grad(exact, w[0]), ig.grad(feedback, w[0])))
    looked_at = [exact, ig.metrics.accuracy(logits[0], y), ig.rad2deg(ig.arccos((one * other).sum()))]

    figure, (course, angles, weights) = plt.subplots(1, 3, figsize=(15, 4.6))
    for rule, loss, trained in zip(RULES, (exact, exact, feedback), (w, w[-1:], w), strict=True):
        step = ig.compile(loss, updates=ig.optim.SGD(0.1).minimize(loss, trained), seed=0)
        look, seen = ig.compile(looked_at, state=step.state), []
        for _ in range(epochs):
            seen.append(look(x=images, y=labels))
            for batch in batches(len(images), 32, random):
                step(x=images[batch], y=labels[batch])
        losses, right, degrees = np.transpose(seen).round(4).tolist()
        numbers[rule] = {"loss": losses, "accuracy": right, "degrees": degrees}
        course.semilogy(losses, label=rule)
        angles.plot(degrees)
    weights.plot(ig.evaluate(b[2]).ravel(), step.state["w50"].ravel(), "C2.")  # of feedback alignment
    course.set(title="Learns digits all the same, more slowly", ylabel="loss ℓ (cross entropy)")
    angles.set(title="Angle between ∂ℓ/∂w₁ and what feedback gives", ylabel="degrees", ylim=(0, 100))
    weights.set(title="The weights have come to the feedback", xlabel="random B₃", ylabel="learned w₃")
    plt.setp([course, angles], xlabel="epoch", xticks=range(0, epochs, 4))
    course.legend()
    return figure, numbers


if __name__ == "__main__":
    show(main)
