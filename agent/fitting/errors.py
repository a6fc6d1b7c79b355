"""The one error of the fitting side."""


class FitError(ValueError):
    """The training data cannot be used as asked; the message says what to do."""
