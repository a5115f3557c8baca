"""Initial and validation data: read whole before a run."""
