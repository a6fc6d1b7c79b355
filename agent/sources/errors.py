"""What a source says when it cannot go on."""


class SourceError(Exception):
    """The input cannot be read; the message names it and says what to do."""
