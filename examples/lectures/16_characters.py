"""An LSTM and causal attention guess the next character of a text; gradients of shards make the batch's."""

import textwrap

import numpy as np
from data import bits_by_pairs, characters, continued, windows
from gallery import plt, show

import irgraph as ig

SMALL = {"stride": 90, "epochs": 2}
TIME = 48


def models(count):
    """Both read characters (batch, time) and have at each place logits for the one that follows."""
    attention = [ig.nn.TransformerBlock(64, heads=4, causal=True, name=f"block{n}") for n in (1, 2)]
    return {
        "LSTM": [ig.nn.Embedding(count, 64), ig.nn.LSTM(128, return_sequences=True), ig.nn.Dense(count)],
        "attention": [ig.nn.Embedding(count, 64), ig.nn.PositionalEncoding(), *attention, ig.nn.Dense(count)],
    }


def main(stride=16, epochs=4):
    ids, alphabet = characters()
    seen, held_out = np.split(ids, [len(ids) * 9 // 10])
    x, y = windows(seen, TIME, stride)
    test = windows(held_out, TIME, TIME)
    numbers = {"bits by pairs": bits_by_pairs(seen, *test)}
    figure, (course, text, sums) = plt.subplots(1, 3, figsize=(16, 4.8), width_ratios=(4, 5, 4))
    course.axhline(numbers["bits by pairs"], color="0.4", linestyle="--", label="counts of pairs")
    for place, (name, layers) in enumerate(models(len(alphabet)).items()):
        model = ig.nn.Sequential(layers, name=name)
        trainer = ig.Trainer(model, "softmax_cross_entropy", ig.optim.Adam(3e-3))
        history = trainer.fit(x, y, epochs=epochs, validation=test, progress=False)
        numbers[f"bits, {name}"] = [float(loss / np.log(2)) for loss in history["val_loss"]]
        course.plot(range(1, epochs + 1), numbers[f"bits, {name}"], "o-", label=name)
        f = ig.compile(model(ig.input("ids", (1, "time"), "int64")), state=trainer.state)
        new = continued(lambda ids, f=f: f(ids=ids[None, -TIME:])[0, -1], seen[:TIME], 330)
        numbers[f"written by {name}"] = written = "".join(alphabet[each] for each in new)
        text.text(0, 0.97 - place / 2, textwrap.fill(f"{name}: {written}", 50), va="top", family="monospace")

    a, b = ig.input("a", ("batch", TIME), "int64"), ig.input("b", ("batch", TIME), "int64")
    loss = ig.losses.softmax_cross_entropy(model(a), b)
    f = ig.compile(ig.grad(loss, model.parameters["attention.4.w"]), state=trainer.state)
    whole, *shards = (f(a=x[part], b=y[part]).ravel() for part in (range(32), *np.split(np.arange(32), 4)))
    numbers["largest difference of shards"] = float(abs(np.mean(shards, axis=0) - whole).max())
    sums.plot(whole, shards[0], ".", color="C1", markersize=2, label="the first shard's")
    sums.plot(whole, np.mean(shards, axis=0), ".", color="C0", markersize=2, label="the mean of four shards'")
    sums.set(title="Gradients of 4 shards against the batch's", xlabel="∂ℓ/∂w of 32 texts", ylabel="∂ℓ/∂w")
    course.set(title="Held-out text", xlabel="epoch", ylabel="bits a character", xticks=range(1, epochs + 1))
    text.set_title("What they write after 48 characters").axes.set_axis_off()
    course.legend(), sums.legend()
    return figure, numbers


if __name__ == "__main__":
    show(main)
