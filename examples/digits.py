"""Learn handwritten digits, use the model, and save it as ONNX: `irgraph demo` as a plain script.

Needs scikit-learn for its 1,797 digits: pip install "irgraph[demo]"
"""

import numpy as np
from sklearn.datasets import load_digits

import irgraph as ig

# ------------------------------------------------------------------------------------ the data
pixels, labels = load_digits(return_X_y=True)
images = (pixels / 16).astype("float32")
random = np.random.default_rng(0)
order = random.permutation(len(images))
held_out, seen = order[:360], order[360:]

# ----------------------------------------------------------------------- the graph, not yet run
x = ig.input("x", ("batch", 64))
y = ig.input("y", ("batch",), "int64")
w0 = ig.parameter("hidden.w", (64, 64), init=ig.init.he_normal())
b0 = ig.parameter("hidden.b", (64,))
w1 = ig.parameter("output.w", (64, 10), init=ig.init.glorot_uniform())
b1 = ig.parameter("output.b", (10,))
logits = ig.relu(x @ w0 + b0) @ w1 + b1
loss = ig.losses.softmax_cross_entropy(logits, y)

# -------------------------------------------------- two functions on one state: train and predict
step = ig.compile(loss, updates=ig.optim.Adam(3e-3).minimize(loss), seed=0)
predict = ig.compile(logits, state=step.state)

for epoch in range(20):
    shuffled = random.permutation(seen)
    batches = [shuffled[start : start + 32] for start in range(0, len(shuffled), 32)]
    losses = [step(x=images[batch], y=labels[batch]) for batch in batches]
    right = np.mean(predict(x=images[held_out]).argmax(axis=1) == labels[held_out])
    print(f"epoch {epoch + 1:2}  loss {np.mean(losses):.4f}  held-out {right:.1%}")

print(step.memory())
ig.onnx.save(predict, "digits.onnx")
print("wrote digits.onnx")
