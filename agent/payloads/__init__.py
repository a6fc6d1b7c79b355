"""From bytes to exchanges: one file and one table row per payload shape."""
