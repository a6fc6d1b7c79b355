"""What holds of everything that decoding gives, whatever came."""

import math

from agent.payloads import REASONS, SHAPES
from agent.records import Rejected


def hold(outcome, most_characters=1000):
    """Hold one outcome to what is promised of it, where texts are cut at so many characters."""
    if isinstance(outcome, Rejected):
        assert outcome.reason in REASONS
        return
    assert outcome.shape in SHAPES
    for field, value in outcome._asdict().items():
        if isinstance(value, str):
            value.encode("utf-8")  # no lone surrogates
            assert len(value) <= (most_characters if field in {"prompt", "response"} else 600), field
        elif isinstance(value, float):
            assert math.isfinite(value), field
        elif isinstance(value, int):
            assert 0 <= value <= 2**53, field
