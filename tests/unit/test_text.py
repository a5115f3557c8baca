"""Numbers in words."""

import pytest

from wtemlp.core.formatting import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (8.4, "8 s"), (59.7, "1 min 00 s"), (165.4, "2 min 45 s"), (8000, "2 h 13 min")],
)
def test_duration(seconds, text):
    assert duration(seconds) == text
