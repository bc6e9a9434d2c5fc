"""A few steps of a sweep, timed before it is planned: what the whole of it will take, and how to pack it."""
