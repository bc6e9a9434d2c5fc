"""`nn.Module` ⇄ pure functions of (params, input), with batch statistics or standing ones."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

if TYPE_CHECKING:
    from ganbench.protocols import Network, Params
    from ganbench.rng import Rng


class Functional:
    """A network as a pure function; the modules inside are skeletons on the meta device.

    Every leaf module with parameters has `initial(rng) -> dict[str, Tensor]` (see `networks/layers.py`), so that
    initial values are addressed by the parameter's name.
    """

    def __init__(self, spec: Network) -> None:
        with torch.device("meta"):
            self._training, self._sampling = spec.build().train(), spec.build().eval()

    def init(self, rng: Rng) -> Params:
        """Draw initial parameters, {dotted name: tensor}."""
        params: Params = {}
        for path, module in self._training.named_modules():
            if any(True for _ in module.parameters(recurse=False)):
                drawn = module.initial(rng.fold(path))
                params |= {f"{path}.{name}".lstrip("."): value for name, value in drawn.items()}
        return params

    def __call__(self, params: Params, x: Tensor) -> Tensor:
        """Apply the network; batch norm normalises with the batch's own statistics."""
        return functional_call(self._training, params, (x,))  # type: ignore[no-any-return]

    def sample(self, params: Params, standing: Params, x: Tensor) -> Tensor:
        """Apply the network with standing statistics, or with the batch's own where `standing` is empty."""
        if not standing:
            return self(params, x)
        return functional_call(self._sampling, {**params, **standing}, (x,))  # type: ignore[no-any-return]

    def standing(self, params: Params, batches: Tensor) -> Params:
        """Average each batch norm's mean and biased variance over batches [passes, B, ...].

        Runs outside transforms; the forward pass itself writes nothing, hooks read its inputs.
        """
        sums: Params = {}

        def record(path: str) -> Any:
            def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
                axes = [axis for axis in range(inputs[0].dim()) if axis != 1]
                var, mean = torch.var_mean(inputs[0], axes, correction=0)
                for name, value in (("mean", mean), ("var", var)):
                    key = f"{path}.{name}"
                    sums[key] = sums.get(key, torch.zeros_like(value)) + value / len(batches)

            return hook

        norms = [(p, m) for p, m in self._training.named_modules() if getattr(m, "standing", False)]
        hooks = [module.register_forward_pre_hook(record(path)) for path, module in norms]
        try:
            with torch.no_grad():
                for batch in batches if norms else ():
                    self(params, batch)
        finally:
            for hook in hooks:
                hook.remove()
        return sums


@lru_cache(maxsize=256)
def functional(spec: Network) -> Functional:
    """Return the pure function of a network description, built once per process."""
    return Functional(spec)
