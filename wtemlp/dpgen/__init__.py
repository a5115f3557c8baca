"""The only package that loads DP-GEN."""
