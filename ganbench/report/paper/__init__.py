"""A paper's tables and figures from stored scores. Every kind of exhibit is a file under `kinds/`."""
