"""A sweep's folder: files are the truth, states are derived, and nobody else knows the paths. Torch-free."""

from ganbench.store.folder import Store, load

__all__ = ["Store", "load"]
