"""wtemlp's own keys, each declared once: as the field of a record."""
