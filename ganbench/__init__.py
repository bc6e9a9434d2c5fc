"""ganbench: given the same tuning budget, which generative model is better?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganbench.store import load as load

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:
    """Import the reader when it is asked for: the command line must start without pandas."""
    if name == "load":
        from ganbench.store import load  # noqa: PLC0415

        return load
    raise AttributeError(f"module 'ganbench' has no attribute {name!r}")
