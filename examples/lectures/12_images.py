"""Images: dense, locally connected and convolutional layers; what a unit sees; filters that were learned."""

from data import digits
from diagrams import tiles
from gallery import plt, show

import irgraph as ig

SMALL = {"epochs": 3}
LAYERS = {  # on a grey image of 200 × 200 pixels
    "dense:\n1,000 units": ig.nn.Sequential([ig.nn.Flatten(), ig.nn.Dense(1000, bias=False)]),
    "10×10 local:\n40,000 units": ig.nn.LocallyConnected2D(1, 10, padding="same", bias=False),
    "10×10 convolution:\n100 · 40,000 units": ig.nn.Conv2D(100, 10, padding="same", bias=False),
}


def jacobian(depth, size=15):
    """d outputs / d pixels of some layers of 3×3, one channel, as a sparse matrix; they are linear."""
    x = ig.input("x", (1, 1, size, size))
    layers = ig.nn.Sequential([ig.nn.Conv2D(1, 3, padding="same") for _ in range(depth)])
    return ig.compile(ig.jacobian(layers(x), x, format="sparse"))()


def main(epochs=15):
    counts = {name: layer.summary((1, 200, 200)).parameters for name, layer in LAYERS.items()}
    one, *more = (jacobian(depth) for depth in (1, 2, 3, 4))
    middle = [each[112].toarray().reshape(15, 15) != 0 for each in (one, *more)]  # of the unit in the middle

    (images, labels), (held_out, answers) = digits()
    filters = ig.nn.Conv2D(8, 5, padding="same", activation="relu")
    model = ig.nn.Sequential([filters, ig.nn.MaxPool2D(2), ig.nn.Flatten(), ig.nn.Dense(10)], name="net")
    trainer = ig.Trainer(model, "softmax_cross_entropy", ig.optim.Adam(3e-3), ["accuracy"])
    trainer.fit(images[:, None], labels, epochs=epochs, progress=False)
    accuracy = trainer.evaluate(held_out[:, None], answers)["accuracy"]
    maps = ig.compile(filters(ig.input("x", (1, 1, 8, 8))), state=trainer.state)(x=images[None, :1])

    figure, axes = plt.subplots(2, 3, figsize=(13, 7.2))
    bars = axes[0, 0].bar([*counts], [*counts.values()], color=["C0", "C1", "C2"], log=True)
    axes[0, 0].bar_label(bars, fmt="{:,.0f}")
    axes[0, 0].set(title="Layers on 200×200 pixels", ylabel="weights", ylim=(1e3, 3e8))
    axes[0, 1].spy(one[:60, :60], markersize=3)
    axes[0, 1].set(title="∂z/∂x of a 3×3 layer: where not 0", xlabel="pixels, row by row", ylabel="units z")
    tiles(axes[0, 2], [sum(middle)], 1, cmap="Blues", vmin=0)
    for depth in (1, 2, 3, 4):
        axes[0, 2].text(8, 8 - depth, depth, ha="center", va="center", color="w" if depth < 3 else "k")
    axes[0, 2].set_title("Which pixels one unit sees through 1 to 4 layers")
    tiles(axes[1, 0], trainer.state["net.0.w"][:, 0], 4)
    axes[1, 0].set_title(f"8 learned filters: {accuracy:.0%} of held-out digits right")
    tiles(axes[1, 1], images[:1], 1, cmap="Greys", vmin=0)
    axes[1, 1].set_title("A digit")
    tiles(axes[1, 2], maps[0], 4, cmap="Greys", vmin=0)
    axes[1, 2].set_title("Where each filter matches it, after ReLU")
    widths = [int(seen.any(axis=0).sum()) for seen in middle]
    return figure, counts | {"pixels across that a unit sees": widths, "accuracy": accuracy}


if __name__ == "__main__":
    show(main)
