"""Frouros' streaming MMD: what a message costs. It gives a distance, no alarm."""

import numpy as np
from contract import main, microseconds
from frouros.detectors.data_drift import MMDStreaming

WINDOW = 50
MESSAGES = 30


def cost(reference: np.ndarray, values: np.ndarray) -> dict[str, float]:
    """Microseconds a message, with a full window."""
    detector = MMDStreaming(window_size=WINDOW)
    detector.fit(X=reference)
    for value in values[:WINDOW]:
        detector.update(value=value)
    spent = microseconds(lambda value: bool(detector.update(value=value)), values[WINDOW : WINDOW + MESSAGES])
    return {f"MMD streaming, window {WINDOW}": spent}


if __name__ == "__main__":
    main("frouros", {"cost": cost})
