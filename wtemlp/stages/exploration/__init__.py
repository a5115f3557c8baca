"""The exploration stage: scripts for walkers, their starts and their results."""
