"""The rest of :mod:`benchmarks.h200.kernels`: a small network, plain torch, and torch.compile that times products."""

from benchmarks.h200.kernels import run_more as run

__all__ = ["run"]
