"""Moved to :mod:`wtemlp.records.sweep_record`; this name goes with the next release."""

import warnings

from wtemlp.records.sweep_record import *  # noqa: F403

warnings.warn(
    "wtemlp.sweep_record has moved to wtemlp.records.sweep_record", DeprecationWarning, stacklevel=2
)
