"""From text to vectors: compiled once at fit time, one text a run."""
