"""Shared by tests: broken files."""

import os

from hypothesis import HealthCheck, settings

#: Each is a fifth of a second; EXAMPLES=300 looks further.
FEW = settings(
    max_examples=int(os.environ.get("EXAMPLES", "20")),
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
