"""The conformance suite: holds adapters to the op declarations and to the contract.

    pytest --pyargs kerasfront.testing --kerasfront-backend=NAME[,NAME] [--kerasfront-selection]

Without the first option it runs over every usable adapter, all in one process; with the second it takes half the time,
as each op meets a part of its samples and dtypes only (`kerasfront.testing.selection`). What it does for an op is read
off the op's declaration: each sample is drawn in each dtype that suits the op, and the result is held against the
reference in float64 (`ref`, else the op on NumPy or the derivation) within a tolerance per dtype; its dtype against the
one rule and its shape against the symbolic one; its gradients against finite differences; the same inside a compiled
step. An op without samples fails, and so does a declared gap that is none.

- `test_ops`: all of that, one test per check, adapter and op, which reports every failure together.
- `test_contract`: what an adapter supplies beside ops: conversion, devices, storage, gradients, `compile_step`.
- `test_sore_points`: where frameworks are known to differ, each a named test.
- `test_composite`: what passes through sparse and ragged tensors, and how the rest refuses them.
- `test_errors`: what is said of wrong shapes, axes and dtypes.
- `test_properties`: broadcasting, reductions, reshaping, padding, convolution and pooling on drawn geometry.

`python -m kerasfront.testing.support --write README.md` writes the table of what each backend supports.
"""
