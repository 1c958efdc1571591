"""Objectives of the benchmark suite ADBench, each written once, for irgraph and for its peers.

Source: F. Srajer, Z. Kukelova, A. Fitzgibbon, "A Benchmark of Selected Algorithmic Differentiation Tools on
Some Problems in Computer Vision and Machine Learning", Optimization Methods and Software 33 (2018), and
<https://github.com/microsoft/ADBench>. The first argument of an objective is a namespace of array functions:
`irgraph`, `numpy`, `jax.numpy` or `torch`, whose names and argument orders agree in what is used here.
"""
