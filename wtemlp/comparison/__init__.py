"""Runs beside each other: read, computed, shown.  Nothing here can start a job."""
