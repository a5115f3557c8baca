"""Fixtures of the unit tests."""

from tests.support.params import root  # noqa: F401
