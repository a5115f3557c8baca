"""Make initial data: box, equilibration, well-tempered ensemble with the reference, labels."""
