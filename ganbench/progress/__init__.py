"""Where a sweep stands, from its files alone: counts, rate, what is still to come, and how it looks in a terminal."""
