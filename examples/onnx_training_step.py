"""Train a step on NumPy, write it as one ONNX file, and go on training with ONNX Runtime alone.

Needs ONNX Runtime: pip install "irgraph[runtime]"
"""

import json

import numpy as np
import onnxruntime

import irgraph as ig

# -------------------------------------------------------------- a network with dropout, and its step
x, label = ig.input("x", ("batch", 20)), ig.input("label", ("batch",), "int64")
w0 = ig.parameter("hidden.w", (20, 32), init=ig.init.he_normal())
w1 = ig.parameter("output.w", (32, 4), init=ig.init.glorot_uniform())
hidden = ig.dropout(ig.relu(x @ w0), 0.2, name="drop")
loss = ig.losses.softmax_cross_entropy(hidden @ w1, label)
step = ig.compile({"loss": loss}, updates=ig.optim.Adam(1e-2).minimize(loss), seed=0)

random = np.random.default_rng(0)
labels = random.integers(0, 4, (50, 32))
batches = [
    {"x": (random.normal(size=(32, 20)) + 2 * np.eye(4, 20)[row]).astype("float32"), "label": row}
    for row in labels
]

# ------------------------------------------ ten steps on NumPy; then the state goes into the file
for batch in batches[:10]:
    step(**batch)
print(ig.onnx.save(step, "step.onnx"))

# -------------------------------- from here on any runtime: the file says which output is which state
options = onnxruntime.SessionOptions()
options.log_severity_level = 3  # it would warn that state is not constant
session = onnxruntime.InferenceSession("step.onnx", options, providers=["CPUExecutionProvider"])
pairs = json.loads(session.get_modelmeta().custom_metadata_map["irgraph.state"])
names = [output.name for output in session.get_outputs()]
state = {}  # at first the defaults in the file
for number, batch in enumerate(batches[10:], start=11):
    results = dict(zip(names, session.run(names, {**batch, **state}), strict=True))
    state = {name: results[new] for name, new in pairs.items()}
    expected = step(**batch)["loss"]  # NumPy goes on as well, to compare
    assert abs(results["loss"] - expected) < 1e-5
    if number % 10 == 0:
        print(f"step {number}: loss {results['loss']:.5f} in ONNX Runtime, {expected:.5f} on NumPy")
