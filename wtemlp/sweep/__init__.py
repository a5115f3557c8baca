"""``wtemlp sweep``: runs that differ in one thing, from the same start."""
