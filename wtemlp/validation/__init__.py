"""``wtemlp validate``: MD with the trained models and with the reference, and what it shows."""
