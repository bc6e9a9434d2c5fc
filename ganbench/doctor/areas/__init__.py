"""One file per area; each has `ORDER` and `checks(asked)`."""
