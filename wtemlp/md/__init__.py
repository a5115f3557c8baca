"""LAMMPS scripts and files, PLUMED input and output, the embedded runner behind `wtemlp lmp`."""
