"""One file per area; each has `checks()`."""
