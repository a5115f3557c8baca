"""What ``wtemlp plan`` does: find or make an unbiased run, and say what bias factors would do."""
