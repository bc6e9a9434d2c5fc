"""A device that is not there: tensors that compute on the CPU but lie on `FAR`, and refuse to meet those that do not.

What a GPU would refuse is refused here: mixing devices (tensors without axes aside), numpy, a write into a file
without a copy to the CPU first. `lazy` is a device type that torch knows and no build has kernels for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

FAR = torch.device("lazy:0")
_ANYWHERE = frozenset(
    {"aten._to_copy.default", "aten.copy_.default"}
)  # what may lead from one device to another
_HERE = frozenset({"aten._local_scalar_dense.default", "aten.is_pinned.default"})  # what leaves no tensor


class FarTensor(Tensor):
    """A tensor on `FAR`, kept on the CPU."""

    near: Tensor

    @staticmethod
    def __new__(cls, near: Tensor) -> FarTensor:
        made = Tensor._make_wrapper_subclass(
            cls, near.size(), near.stride(), near.storage_offset(), dtype=near.dtype, device=FAR
        )
        made.near = near
        return made

    def __repr__(self) -> str:
        return f"FarTensor({self.near})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


@contextmanager
def Far() -> Iterator[None]:
    """Let tensors be made on `FAR`."""
    with _Made(), _Operations():
        yield


class _Operations(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


class _Made(TorchFunctionMode):
    """`torch.tensor` asks no dispatch mode: make the tensor here and send it off."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = dict(kwargs or {})
        if func is torch.tensor and given.get("device") == FAR:
            del given["device"]
            return func(*args, **given).to(FAR)
        return func(*args, **given)


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    given = [x for x in pytree.tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
    far = any(isinstance(x, FarTensor) for x in given)
    strays = [x for x in given if not isinstance(x, FarTensor) and x.dim()]
    if far and strays and str(func) not in _ANYWHERE:
        raise RuntimeError(
            f"{func} mixes devices: a tensor of shape {tuple(strays[0].shape)} lies on the CPU"
        )
    asked = kwargs.get("device")
    here = kwargs if asked is None else {**kwargs, "device": torch.device("cpu")}
    result = func(*near(args), **near(here))
    if func._schema.is_mutable and far:  # the very tensors that were written to
        back = {id(near(x)): x for x in given}
        return pytree.tree_map_only(Tensor, lambda x: back[id(x)], result)
    there = far if asked is None else torch.device(asked).type == FAR.type
    return pytree.tree_map_only(Tensor, FarTensor, result) if there and str(func) not in _HERE else result


def near(tree: Any) -> Any:
    """Return a tree with its far tensors on the CPU."""
    return pytree.tree_map_only(FarTensor, lambda x: x.near, tree)
