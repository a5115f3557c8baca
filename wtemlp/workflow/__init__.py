"""The loop: its steps, how it resumes, and how it continues a run of DP-GEN."""
