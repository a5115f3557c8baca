"""Moved to :mod:`wtemlp.records.summary`; this name goes with the next release."""

import warnings

from wtemlp.records.summary import *  # noqa: F403

warnings.warn(
    "wtemlp.summary has moved to wtemlp.records.summary", DeprecationWarning, stacklevel=2
)
