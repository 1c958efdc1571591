"""Writes torch.json: results and gradients of layers in float64, by PyTorch.

    python tests/data/layers/make.py

Inputs, weights and cotangents are waves (`wave` below and in tests/test_nn_torch.py), so that they need not
be stored; the weights are numbered in the order of the arguments of each function.
"""

import json
import math
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)


def wave(shape, number):
    """Distinct numbers between -1 and 1."""
    return np.cos(1.7 * (np.arange(math.prod(shape)) + 1) * (1 + number / 7)).reshape(shape)


CASES = {}


def case(*shapes, ids=None, **weights):
    """Register a function of inputs (given by shape) and weights (by name and shape)."""

    def register(function):
        CASES[function.__name__] = (function, shapes, weights, ids)
        return function

    return register


@case((2, 3, 9), w=(4, 3, 3), b=(4,))
def conv1d(x, w, b):
    return torch.tanh(F.conv1d(x, w, b, dilation=2, padding="same"))


@case((2, 4, 7, 6), w=(6, 2, 3, 2), b=(6,))
def conv2d(x, w, b):
    return F.conv2d(x, w, b, stride=(2, 1), padding=1, groups=2)


@case((2, 2, 5, 6), w=(3, 2, 4, 3))
def conv2d_same(x, w):
    return F.conv2d(x, w, padding="same")


@case((1, 2, 4, 4, 3), w=(3, 2, 2, 2, 2), b=(3,))
def conv3d(x, w, b):
    return F.conv3d(x, w, b)


@case((2, 3, 5), w=(3, 2, 4), b=(2,))
def conv1d_transpose(x, w, b):
    return F.conv_transpose1d(x, w, b, stride=3, padding=1, output_padding=2)


@case((2, 4, 3, 4), w=(4, 3, 3, 3), b=(6,))
def conv2d_transpose(x, w, b):
    return F.conv_transpose2d(x, w, b, stride=2, padding=1, output_padding=1, groups=2)


@case((2, 3, 8), w=(3, 4, 3, 2), b=(2, 3))
def locally_connected1d(x, w, b):
    windows = x.unfold(2, 4, 2)  # (N, C, places, kernel)
    return torch.einsum("ncpk,pkco->nop", windows, w) + b


@case((2, 2, 5, 4), w=(5, 4, 3, 3, 2, 2), b=(2, 5, 4))
def locally_connected2d(x, w, b):
    windows = F.pad(x, (1, 1, 1, 1)).unfold(2, 3, 1).unfold(3, 3, 1)
    return torch.relu(torch.einsum("ncijkl,ijklco->noij", windows, w) + b)


@case((2, 3, 9))
def max_pool1d(x):
    return F.max_pool1d(x, 3, 2, padding=1)


@case((2, 2, 7, 6))
def max_pool2d(x):
    return F.max_pool2d(x, (3, 2), ceil_mode=True)


@case((2, 3, 9))
def average_pool1d(x):
    return F.avg_pool1d(x, 3, 2, padding=1, count_include_pad=False)


@case((2, 2, 7, 6))
def average_pool2d(x):
    return F.avg_pool2d(x, 3, 2, padding=1)


@case((2, 3, 4, 5))
def global_max_pool(x):
    return torch.amax(x, (2, 3))


@case((2, 3, 4, 5))
def global_average_pool(x):
    return F.adaptive_avg_pool2d(x, 1).flatten(1)


@case((4, 3, 2, 3), scale=(3,), bias=(3,))
def batch_norm(x, scale, bias):
    return F.batch_norm(x, None, None, scale, bias, training=True, eps=1e-5)


@case((4, 3), scale=(3,), bias=(3,))
def batch_norm_inference(x, scale, bias):
    mean, variance = (torch.from_numpy(wave((3,), n)) for n in (8, 9))
    return F.batch_norm(x, mean, variance**2 + 0.5, scale, bias, training=False, eps=1e-3)


@case((3, 5), scale=(5,), bias=(5,))
def layer_norm(x, scale, bias):
    return F.layer_norm(x, (5,), scale, bias, 1e-5)


@case((3, 4, 5), scale=(4, 5))
def layer_norm_two_axes(x, scale):
    return F.layer_norm(x, (4, 5), scale, None, 1e-3)


@case((3, 5), scale=(5,))
def rms_norm(x, scale):
    return F.rms_norm(x, (5,), scale, 1e-5)


@case((2, 6, 3, 2), scale=(6,), bias=(6,))
def group_norm(x, scale, bias):
    return F.group_norm(x, 3, scale, bias, 1e-5)


@case(ids=[[3, 0, 3], [1, 4, 3]], w=(5, 4))
def embedding(ids, w):
    return F.embedding(ids, w)


@case((2, 5, 6))
def positional_encoding(x):
    table = torch.zeros(5, 6)
    for position in range(5):
        for pair in range(3):
            angle = torch.tensor(position / 100 ** (2 * pair / 6))
            table[position, 2 * pair], table[position, 2 * pair + 1] = torch.sin(angle), torch.cos(angle)
    return x + table


ATTENTION = {
    f"{name}.{part}": (8, 8) if part == "w" else (8,)
    for name in ("query", "key", "value", "output")
    for part in "wb"
}


def attention(query, memory, weights, **options):
    names = ("query", "key", "value")
    return F.multi_head_attention_forward(
        *(each.transpose(0, 1) for each in (query, memory, memory)),
        embed_dim_to_check=8,
        num_heads=2,
        in_proj_weight=torch.cat([weights[f"{name}.w"].T for name in names]),
        in_proj_bias=torch.cat([weights[f"{name}.b"] for name in names]),
        bias_k=None,
        bias_v=None,
        add_zero_attn=False,
        dropout_p=0.0,
        out_proj_weight=weights["output.w"].T,
        out_proj_bias=weights["output.b"],
        need_weights=False,
        **options,
    )[0].transpose(0, 1)


@case((2, 5, 8), **ATTENTION)
def attention_causal(x, **weights):
    return attention(x, x, weights, attn_mask=torch.triu(torch.ones(5, 5, dtype=torch.bool), 1))


@case((2, 3, 8), (2, 4, 8), **ATTENTION)
def attention_masked(x, memory, **weights):
    hidden = torch.tensor([[False, False, True, True], [False, False, False, True]])
    return attention(x, memory, weights, key_padding_mask=hidden)


@case(
    (2, 3, 8),
    **{f"attention.{name}": shape for name, shape in ATTENTION.items()},
    **{f"{name}.{part}": (8,) for name in ("norm", "hidden_norm") for part in ("scale", "bias")},
    **{"hidden.w": (8, 12), "hidden.b": (12,), "output.w": (12, 8), "output.b": (8,)},
)
def transformer_block(x, **weights):
    block = torch.nn.TransformerEncoderLayer(8, 2, 12, 0.0, F.gelu, 1e-5, batch_first=True, norm_first=True)
    own = {
        "self_attn.in_proj_weight": torch.cat(
            [weights[f"attention.{n}.w"].T for n in ("query", "key", "value")]
        ),
        "self_attn.in_proj_bias": torch.cat([weights[f"attention.{n}.b"] for n in ("query", "key", "value")]),
        "self_attn.out_proj.weight": weights["attention.output.w"].T,
        "self_attn.out_proj.bias": weights["attention.output.b"],
        "linear1.weight": weights["hidden.w"].T,
        "linear1.bias": weights["hidden.b"],
        "linear2.weight": weights["output.w"].T,
        "linear2.bias": weights["output.b"],
        "norm1.weight": weights["norm.scale"],
        "norm1.bias": weights["norm.bias"],
        "norm2.weight": weights["hidden_norm.scale"],
        "norm2.bias": weights["hidden_norm.bias"],
    }
    return torch.func.functional_call(block, own, (x,))


def recurrent(module, names, x, state, weights):
    """A module of torch on the weights of an irgraph layer, which are transposed."""
    spelled = {
        "w": "weight_ih_l0",
        "recurrent_w": "weight_hh_l0",
        "b": "bias_ih_l0",
        "recurrent_b": "bias_hh_l0",
    }
    own = {spelled[name]: weights[name].movedim(0, -1) for name in names}
    own.setdefault("bias_hh_l0", torch.zeros_like(own["bias_ih_l0"]))
    return torch.func.functional_call(module, own, (x, state))


@case((3, 5, 2), w=(2, 4), recurrent_w=(4, 4), b=(4,))
def simple_rnn(x, **weights):
    return recurrent(torch.nn.RNN(2, 4, batch_first=True), weights, x, None, weights)[0]


@case((3, 5, 2), (3, 4), w=(2, 4), recurrent_w=(4, 4), b=(4,))
def simple_rnn_from_state(x, h, **weights):
    return recurrent(torch.nn.RNN(2, 4, 1, "relu", batch_first=True), weights, x, h[None], weights)[1][0]


@case((3, 5, 2), w=(2, 16), recurrent_w=(4, 16), b=(16,))
def lstm(x, **weights):
    return recurrent(torch.nn.LSTM(2, 4, batch_first=True), weights, x, None, weights)[0]


@case((3, 5, 2), w=(2, 16), recurrent_w=(4, 16), b=(16,))
def lstm_reversed(x, **weights):
    return recurrent(torch.nn.LSTM(2, 4, batch_first=True), weights, x.flip(1), None, weights)[0].flip(1)


@case((3, 5, 2), (3, 4), (3, 4), w=(2, 16), recurrent_w=(4, 16), b=(16,))
def lstm_from_state(x, h, c, **weights):
    state = (h[None], c[None])
    return recurrent(torch.nn.LSTM(2, 4, batch_first=True), weights, x, state, weights)[1][1][0]


@case((3, 5, 2), w=(2, 12), recurrent_w=(4, 12), b=(12,), recurrent_b=(12,))
def gru(x, **weights):
    return recurrent(torch.nn.GRU(2, 4, batch_first=True), weights, x, None, weights)[0]


@case((3, 1, 2), (3, 4), w=(2, 12), recurrent_w=(4, 12), b=(12,), recurrent_b=(12,))
def gru_from_state(x, h, **weights):
    return recurrent(torch.nn.GRU(2, 4, batch_first=True), weights, x, h[None], weights)[1][0]


def main():
    found = {"torch": torch.__version__, "cases": {}}
    for name, (function, shapes, weights, ids) in CASES.items():
        inputs = [torch.from_numpy(wave(shape, n)).requires_grad_() for n, shape in enumerate(shapes)]
        made = {
            key: torch.from_numpy(wave(shape, n)).requires_grad_()
            for n, (key, shape) in enumerate(weights.items(), 2)
        }
        result = function(*([torch.tensor(ids)] if ids else inputs), **made)
        result.backward(torch.from_numpy(wave(tuple(result.shape), 11)))
        gradients = {f"input{n}": each.grad for n, each in enumerate(inputs)}
        gradients |= {key: each.grad for key, each in made.items()}
        found["cases"][name] = {
            "ids": ids,
            "inputs": [list(shape) for shape in shapes],
            "weights": {key: list(shape) for key, shape in weights.items()},
            "output": rounded(result),
            "gradients": {key: rounded(each) for key, each in gradients.items()},
        }
    text = json.dumps(found, indent=0).replace(",\n", ", ").replace("[\n", "[").replace("\n]", "]")
    (Path(__file__).parent / "torch.json").write_text(text.replace('}, "', '},\n"') + "\n")


def rounded(tensor):
    shape = list(tensor.shape)
    return {"shape": shape, "values": [float(f"{x:.12g}") for x in tensor.detach().flatten().tolist()]}


main()
