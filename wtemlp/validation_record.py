"""Moved to :mod:`wtemlp.records.validation_record`; this name goes with the next release."""

import warnings

from wtemlp.records.validation_record import *  # noqa: F403

warnings.warn(
    "wtemlp.validation_record has moved to wtemlp.records.validation_record",
    DeprecationWarning,
    stacklevel=2,
)
