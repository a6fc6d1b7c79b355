"""The statistics: arrays in, arrays out. No clock, no I/O, no text, no settings."""
