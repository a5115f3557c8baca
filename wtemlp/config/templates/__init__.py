"""The user's own LAMMPS and PLUMED scripts."""
