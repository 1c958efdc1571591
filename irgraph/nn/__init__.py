"""Layers: functions of values that own named parameters."""

from .activations import ACTIVATIONS
from .attention import MultiHeadAttention, TransformerBlock
from .composition import Block, Residual
from .convolution import Conv1D, Conv1DTranspose, Conv2D, Conv2DTranspose, Conv3D
from .dense import Activation, Dense, Dropout, Flatten, Reshape
from .embedding import Embedding, PositionalEncoding
from .features import FeatureMap, PolynomialFeatures
from .kernel_features import KernelFeatures, RBFFeatures
from .layer import Layer
from .local import LocallyConnected1D, LocallyConnected2D
from .normalization import BatchNorm, GroupNorm, LayerNorm, RMSNorm
from .pooling import AveragePool1D, AveragePool2D, GlobalAveragePool, GlobalMaxPool, MaxPool1D, MaxPool2D
from .quantile_normalize import QuantileNormalize
from .recurrent import GRU, LSTM, Bidirectional, Recurrent, SimpleRNN
from .sequential import Sequential
from .standardize import Standardize

__all__ = [
    "ACTIVATIONS",
    "GRU",
    "LSTM",
    "Activation",
    "AveragePool1D",
    "AveragePool2D",
    "BatchNorm",
    "Bidirectional",
    "Block",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Dense",
    "Dropout",
    "Embedding",
    "FeatureMap",
    "Flatten",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "GroupNorm",
    "KernelFeatures",
    "Layer",
    "LayerNorm",
    "LocallyConnected1D",
    "LocallyConnected2D",
    "MaxPool1D",
    "MaxPool2D",
    "MultiHeadAttention",
    "PolynomialFeatures",
    "PositionalEncoding",
    "QuantileNormalize",
    "RBFFeatures",
    "RMSNorm",
    "Recurrent",
    "Reshape",
    "Residual",
    "Sequential",
    "SimpleRNN",
    "Standardize",
    "TransformerBlock",
]
