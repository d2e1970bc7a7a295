"""The generation stream's linear layers: fused where they read the same input, in bf16 or in fp8."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy

import torch
from torch import nn
from torch.nn import functional

from cosmos_policy.engine.operations import Activation, PlainOperations, Scaled
from cosmos_policy.errors import UsageError


class _Tensors:
    """What can be carried to another memory: the attributes that hold a projection's numbers."""

    _carried: tuple[str, ...]

    def moved(self, move: Callable[[torch.Tensor], torch.Tensor]):
        """A copy of this projection whose tensors went through `move`."""
        other = copy(self)
        for name in self._carried:
            if getattr(self, name) is not None:
                setattr(other, name, move(getattr(self, name)))
        return other

    def copy_from(self, other) -> None:
        """Take over the numbers of `other`, of the same shapes, without waiting for the copy."""
        for name in self._carried:
            if getattr(self, name) is not None:
                getattr(self, name).copy_(getattr(other, name), non_blocking=True)


class Projection(_Tensors):
    """Linear layers that read one input, as one product.

    parts: diffusers' modules, whose weights become views of the fused one, so that there is only one copy.
    """

    fp8 = False
    _carried = ("weight", "bias")

    def __init__(self, *parts: nn.Linear):
        self.widths = tuple(part.out_features for part in parts)
        if len(parts) == 1:
            self.weight, self.bias = parts[0].weight.data, None if parts[0].bias is None else parts[0].bias.data
            return
        self.weight = _fuse([part.weight for part in parts])
        self.bias = None if parts[0].bias is None else _fuse([part.bias for part in parts])

    def __call__(self, x: Activation) -> torch.Tensor:
        return functional.linear(x, self.weight, self.bias)

    def add_to(self, total: torch.Tensor, x: Activation) -> bool:
        """Add the result to `total` in place, rounding once. False where that is not possible: nothing was done."""
        if self.bias is not None:
            return False
        total.addmm_(x, self.weight.T)
        return True


class Fp8Projection(_Tensors):
    """The same in 8-bit floating point: one scale for each row of the input and for each output.

    weight: float8_e4m3fn [outputs, inputs]. scales: float32 [1, outputs]. dtype: of the result.
    """

    fp8 = True
    _carried = ("weight", "scales", "bias")

    def __init__(
        self,
        weight: torch.Tensor,
        scales: torch.Tensor,
        bias: torch.Tensor | None,
        widths: tuple[int, ...],
        dtype: torch.dtype,
    ):
        self.weight, self.scales, self.bias, self.widths, self._dtype = weight, scales, bias, widths, dtype

    @classmethod
    def quantised(cls, projection: Projection) -> Fp8Projection:
        """`projection` in 8 bits."""
        scaled = PlainOperations().quantize(projection.weight)
        scales = scaled.scales.T.contiguous()
        return cls(scaled.values, scales, projection.bias, projection.widths, projection.weight.dtype)

    @classmethod
    def stored(cls, *parts: nn.Linear) -> Fp8Projection:
        """Linear layers whose weights are in 8 bits already, each with its ``weight_scale``, as they are."""
        fused = Projection(*parts)
        scales = torch.cat([part.weight_scale.expand(part.out_features) for part in parts])[None].contiguous()
        return cls(fused.weight, scales, fused.bias, fused.widths, torch.bfloat16)

    def __call__(self, x: Activation) -> torch.Tensor:
        if not isinstance(x, Scaled):
            x = PlainOperations().quantize(x)
        return torch._scaled_mm(
            x.values,
            self.weight.T,
            scale_a=x.scales,
            scale_b=self.scales,
            bias=self.bias,
            out_dtype=self._dtype,
            use_fast_accum=True,
        )

    def add_to(self, total: torch.Tensor, x: Activation) -> bool:
        return False


class ModuleProjection:
    """Modules that some quantiser put in the place of linear layers (official fp8 checkpoints): called as they are."""

    fp8 = False

    def moved(self, move):
        raise UsageError("A checkpoint that is quantised already cannot be offloaded; leave offload out.")

    def __init__(self, *parts: nn.Module):
        self._parts = parts

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([part(x) for part in self._parts], dim=-1) if len(self._parts) > 1 else self._parts[0](x)

    def add_to(self, total: torch.Tensor, x: torch.Tensor) -> bool:
        return False


class SummedProjection:
    """A product of which this process computes some inputs' part: `sum_up` adds the others'."""

    def __init__(self, part: Projection | Fp8Projection, sum_up: Callable[[torch.Tensor], torch.Tensor]):
        self._part, self._sum_up, self.fp8 = part, sum_up, part.fp8

    def __call__(self, x: Activation) -> torch.Tensor:
        return self._sum_up(self._part(x))

    def add_to(self, total: torch.Tensor, x: Activation) -> bool:
        return False


AnyProjection = Projection | Fp8Projection | ModuleProjection | SummedProjection


def fuse_linears(parts: Sequence[nn.Module]) -> AnyProjection:
    """`parts` as one product where they are linear layers, plain or in stored 8 bits, else called one by one."""
    if all(type(part) is nn.Linear and hasattr(part, "weight_scale") for part in parts):
        return Fp8Projection.stored(*parts)
    plain = all(_is_plain(part) and part.weight.dtype.itemsize > 1 for part in parts)
    return Projection(*parts) if plain else ModuleProjection(*parts)


def _is_plain(part: nn.Module) -> bool:
    """torch's own linear layer, or a part of one; a quantiser's subclass computes something else."""
    return type(part) is nn.Linear or getattr(part, "part_of_linear", False)


def _fuse(parameters: Sequence[nn.Parameter]) -> torch.Tensor:
    first = parameters[0].data
    shape = (sum(len(parameter) for parameter in parameters), *first.shape[1:])
    fused = torch.empty(shape, dtype=first.dtype, device=first.device, pin_memory=first.is_pinned())
    torch.cat([parameter.data for parameter in parameters], out=fused)
    start = 0
    for parameter in parameters:
        parameter.data = fused[start : start + parameter.shape[0]]
        start += parameter.shape[0]
    return fused
