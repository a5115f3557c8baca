"""Units: energies in eV, lengths in Angstrom, temperatures in K inside wtemlp.

DeePMD-kit, DP-GEN and LAMMPS ``units metal`` share them (time in ps); LAMMPS ``units real`` has
kcal/mol and fs; PLUMED's defaults are kJ/mol, nm and ps.

The conversion factors are LAMMPS's own where LAMMPS does the conversion
(``src/update.cpp``), and CODATA 2018 elsewhere.
"""

KCAL_MOL_IN_EV = 0.0433641153087705  #: 1 kcal/mol in eV (4.184 kJ/mol / 96.48533212 kJ/mol/eV)
EV_IN_KJ_MOL = 96.48533212331002  #: 1 eV in kJ/mol (CODATA 2018: e N_A)
KB_EV = 8.617333262145179e-05  #: Boltzmann constant, eV/K (CODATA 2018)

ENERGY_IN_EV = {"eV": 1.0, "kcal/mol": KCAL_MOL_IN_EV, "kJ/mol": 1.0 / EV_IN_KJ_MOL}
EV_A3_IN_GPA = 160.21766340  #: 1 eV/Angstrom^3 in GPa
BAR_IN_GPA = 1e-4
KB_J = 1.380649e-23  #: Boltzmann constant, J/K (exact)
AMU_G = 1.66053906660e-24  #: atomic mass constant, g (CODATA 2018)
A2_PS_IN_1E5_CM2_S = 10.0  #: 1 Angstrom^2/ps in 1e-5 cm2/s: 1e-16 cm2 / 1e-12 s = 1e-4 cm2/s
