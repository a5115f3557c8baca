"""References of the methods and programs that runs stand on."""

from dataclasses import dataclass

#: Letters that BibTeX of old does not know.
_LATEX = {
    "í": r"{\'\i}", "é": r"{\'e}", "á": r"{\'a}", "ó": r"{\'o}", "ü": r'{\"u}', "ö": r'{\"o}',
}  # fmt: skip


@dataclass(frozen=True)
class Citation:
    """A reference and what it is cited for."""

    key: str
    purpose: str
    authors: str  #: BibTeX's way: "Surname, I. and Surname, I."
    title: str
    journal: str
    volume: str  #: "": not known
    pages: str  #: likewise
    year: int
    doi: str

    def bibtex(self) -> str:
        """The reference as a BibTeX entry, in ASCII."""
        fields = {
            "author": self.authors,
            "title": "{" + self.title + "}",
            "journal": self.journal,
            "volume": self.volume,
            "pages": self.pages,
            "year": str(self.year),
            "doi": self.doi,
        }
        body = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items() if value)
        text = f"@article{{{self.key},\n{body}}}"
        for letter, latex in _LATEX.items():
            text = text.replace(letter, latex)
        return text


_ALL = (
    Citation(
        "Bonomi2010WTE", "well-tempered ensemble",
        "Bonomi, M. and Parrinello, M.",
        "Enhanced Sampling in the Well-Tempered Ensemble",
        "Phys. Rev. Lett.", "104", "190601", 2010,
        "10.1103/PhysRevLett.104.190601",
    ),
    Citation(
        "Barducci2008WTMetaD", "well-tempered metadynamics",
        "Barducci, A. and Bussi, G. and Parrinello, M.",
        "Well-Tempered Metadynamics: A Smoothly Converging and Tunable Free-Energy Method",
        "Phys. Rev. Lett.", "100", "020603", 2008,
        "10.1103/PhysRevLett.100.020603",
    ),
    Citation(
        "Invernizzi2020OPES", "OPES in the multithermal ensemble",
        "Invernizzi, M. and Piaggi, P. M. and Parrinello, M.",
        "Unified Approach to Enhanced Sampling",
        "Phys. Rev. X", "10", "041034", 2020,
        "10.1103/PhysRevX.10.041034",
    ),
    Citation(
        "Zhang2019DPGEN", "active learning by the deviation of an ensemble",
        "Zhang, L. and Lin, D.-Y. and Wang, H. and Car, R. and E, W.",
        "Active Learning of Uniformly Accurate Interatomic Potentials for Materials Simulation",
        "Phys. Rev. Materials", "3", "023804", 2019,
        "10.1103/PhysRevMaterials.3.023804",
    ),
    Citation(
        "Zhang2020DPGEN", "DP-GEN: scheme, file formats and layout",
        "Zhang, Y. and Wang, H. and Chen, W. and Zeng, J. and Zhang, L. and Wang, H. and E, W.",
        "DP-GEN: A Concurrent Learning Platform for the Generation of Reliable Deep Learning "
        "Based Potential Energy Models",
        "Comput. Phys. Commun.", "253", "107206", 2020,
        "10.1016/j.cpc.2020.107206",
    ),
    Citation(
        "Wang2018DeePMD", "DeePMD-kit",
        "Wang, H. and Zhang, L. and Han, J. and E, W.",
        "DeePMD-kit: A Deep Learning Package for Many-Body Potential Energy Representation "
        "and Molecular Dynamics",
        "Comput. Phys. Commun.", "228", "178--184", 2018,
        "10.1016/j.cpc.2018.03.016",
    ),
    Citation(
        "Zeng2023DeePMD", "DeePMD-kit",
        "Zeng, J. and Zhang, D. and Lu, D. and Mo, P. and Li, Z. and others",
        "DeePMD-kit v2: A Software Package for Deep Potential Models",
        "J. Chem. Phys.", "159", "054801", 2023,
        "10.1063/5.0155600",
    ),
    Citation(
        "Zeng2025DeePMD", "DeePMD-kit, version 3",
        "Zeng, J. and Zhang, D. and Peng, A. and Zhang, X. and He, S. and others",
        "DeePMD-kit v3: A Multiple-Backend Framework for Machine Learning Potentials",
        "J. Chem. Theory Comput.", "21", "4375--4385", 2025,
        "10.1021/acs.jctc.5c00340",
    ),
    Citation(
        "Zhang2018DeepPotSE", "smooth descriptor se_e2_a",
        "Zhang, L. and Han, J. and Wang, H. and Saidi, W. A. and Car, R. and E, W.",
        "End-to-End Symmetry Preserving Inter-Atomic Potential Energy Model for Finite and "
        "Extended Systems",
        "Adv. Neural Inf. Process. Syst.", "31", "4436--4446", 2018,
        "10.48550/arXiv.1805.09003",
    ),
    Citation(
        "Lu2022Compress", "compressed models",
        "Lu, D. and Jiang, W. and Chen, Y. and Zhang, L. and Jia, W. and Wang, H. and Chen, M.",
        "DP Compress: A Model Compression Scheme for Generating Efficient Deep Potential Models",
        "J. Chem. Theory Comput.", "18", "5559--5567", 2022,
        "10.1021/acs.jctc.2c00102",
    ),
    Citation(
        "Thompson2022LAMMPS", "LAMMPS",
        "Thompson, A. P. and Aktulga, H. M. and Berger, R. and Bolintineanu, D. S. and Brown, "
        "W. M. and Crozier, P. S. and in 't Veld, P. J. and Kohlmeyer, A. and Moore, S. G. "
        "and Nguyen, T. D. and Shan, R. and Stevens, M. J. and Tranchida, J. and Trott, C. "
        "and Plimpton, S. J.",
        "LAMMPS - a Flexible Simulation Tool for Particle-Based Materials Modeling at the "
        "Atomic, Meso, and Continuum Scales",
        "Comput. Phys. Commun.", "271", "108171", 2022,
        "10.1016/j.cpc.2021.108171",
    ),
    Citation(
        "Tribello2014PLUMED", "PLUMED",
        "Tribello, G. A. and Bonomi, M. and Branduardi, D. and Camilloni, C. and Bussi, G.",
        "PLUMED 2: New Feathers for an Old Bird",
        "Comput. Phys. Commun.", "185", "604--613", 2014,
        "10.1016/j.cpc.2013.09.018",
    ),
    Citation(
        "PLUMED2019", "PLUMED",
        "{The PLUMED consortium}",
        "Promoting Transparency and Reproducibility in Enhanced Molecular Simulations",
        "Nat. Methods", "16", "670--673", 2019,
        "10.1038/s41592-019-0506-8",
    ),
    Citation(
        "Bussi2007CSVR", "CSVR thermostat",
        "Bussi, G. and Donadio, D. and Parrinello, M.",
        "Canonical Sampling through Velocity Rescaling",
        "J. Chem. Phys.", "126", "014101", 2007,
        "10.1063/1.2408420",
    ),
    Citation(
        "Martyna1994", "barostat",
        "Martyna, G. J. and Tobias, D. J. and Klein, M. L.",
        "Constant Pressure Molecular Dynamics Algorithms",
        "J. Chem. Phys.", "101", "4177--4189", 1994,
        "10.1063/1.467468",
    ),
    Citation(
        "Martinez2009Packmol", "Packmol",
        "Martínez, L. and Andrade, R. and Birgin, E. G. and Martínez, J. M.",
        "PACKMOL: A Package for Building Initial Configurations for Molecular Dynamics "
        "Simulations",
        "J. Comput. Chem.", "30", "2157--2164", 2009,
        "10.1002/jcc.21224",
    ),
    Citation(
        "Jorgensen1983TIP3P", "TIP3P water",
        "Jorgensen, W. L. and Chandrasekhar, J. and Madura, J. D. and Impey, R. W. and Klein, "
        "M. L.",
        "Comparison of Simple Potential Functions for Simulating Liquid Water",
        "J. Chem. Phys.", "79", "926--935", 1983,
        "10.1063/1.445869",
    ),
    Citation(
        "Kresse1996VASP", "VASP",
        "Kresse, G. and Furthmüller, J.",
        "Efficient Iterative Schemes for Ab Initio Total-Energy Calculations Using a "
        "Plane-Wave Basis Set",
        "Phys. Rev. B", "54", "11169--11186", 1996,
        "10.1103/PhysRevB.54.11169",
    ),
    Citation(
        "Kresse1999PAW", "VASP: projector augmented waves",
        "Kresse, G. and Joubert, D.",
        "From Ultrasoft Pseudopotentials to the Projector Augmented-Wave Method",
        "Phys. Rev. B", "59", "1758--1775", 1999,
        "10.1103/PhysRevB.59.1758",
    ),
    Citation(
        "Kuehne2020CP2K", "CP2K",
        "Kühne, T. D. and Iannuzzi, M. and Del Ben, M. and Rybkin, V. V. and Seewald, P. and "
        "others",
        "CP2K: An Electronic Structure and Molecular Dynamics Software Package - Quickstep: "
        "Efficient and Accurate Electronic Structure Calculations",
        "J. Chem. Phys.", "152", "194103", 2020,
        "10.1063/5.0007045",
    ),
    Citation(
        "Giannozzi2009QE", "Quantum ESPRESSO",
        "Giannozzi, P. and Baroni, S. and Bonini, N. and Calandra, M. and Car, R. and others",
        "QUANTUM ESPRESSO: A Modular and Open-Source Software Project for Quantum Simulations "
        "of Materials",
        "J. Phys.: Condens. Matter", "21", "395502", 2009,
        "10.1088/0953-8984/21/39/395502",
    ),
    Citation(
        "Giannozzi2017QE", "Quantum ESPRESSO",
        "Giannozzi, P. and Andreussi, O. and Brumme, T. and Bunau, O. and Buongiorno "
        "Nardelli, M. and others",
        "Advanced Capabilities for Materials Modelling with Quantum ESPRESSO",
        "J. Phys.: Condens. Matter", "29", "465901", 2017,
        "10.1088/1361-648X/aa8f79",
    ),
    Citation(
        "Li2016ABACUS", "ABACUS",
        "Li, P. and Liu, X. and Chen, M. and Lin, P. and Ren, X. and Lin, L. and Yang, C. and "
        "He, L.",
        "Large-Scale Ab Initio Simulations Based on Systematically Improvable Atomic Basis",
        "Comput. Mater. Sci.", "112", "503--517", 2016,
        "10.1016/j.commatsci.2015.07.004",
    ),
    Citation(
        "Soler2002SIESTA", "SIESTA",
        "Soler, J. M. and Artacho, E. and Gale, J. D. and García, A. and Junquera, J. and "
        "Ordejón, P. and Sánchez-Portal, D.",
        "The SIESTA Method for Ab Initio Order-N Materials Simulation",
        "J. Phys.: Condens. Matter", "14", "2745--2779", 2002,
        "10.1088/0953-8984/14/11/302",
    ),
    Citation(
        "Jia2013PWmat", "PWmat",
        "Jia, W. and Cao, Z. and Wang, L. and Fu, J. and Chi, X. and Gao, W. and Wang, L.-W.",
        "The Analysis of a Plane Wave Pseudopotential Density Functional Theory Code on a GPU "
        "Machine",
        "Comput. Phys. Commun.", "184", "9--18", 2013,
        "10.1016/j.cpc.2012.08.002",
    ),
    Citation(
        "Larsen2017ASE", "ASE: the calculator of the labels",
        "Larsen, A. H. and Mortensen, J. J. and Blomqvist, J. and Castelli, I. E. and "
        "Christensen, R. and others",
        "The Atomic Simulation Environment - a Python Library for Working with Atoms",
        "J. Phys.: Condens. Matter", "29", "273002", 2017,
        "10.1088/1361-648X/aa680e",
    ),
    Citation(
        "Bannwarth2021xtb", "xtb",
        "Bannwarth, C. and Caldeweyher, E. and Ehlert, S. and Hansen, A. and Pracht, P. and "
        "Seibert, J. and Spicher, S. and Grimme, S.",
        "Extended Tight-Binding Quantum Chemistry Methods",
        "WIREs Comput. Mol. Sci.", "11", "e1493", 2021,
        "10.1002/wcms.1493",
    ),
    Citation(
        "Bannwarth2019GFN2", "xtb: GFN2",
        "Bannwarth, C. and Ehlert, S. and Grimme, S.",
        "GFN2-xTB - An Accurate and Broadly Parametrized Self-Consistent Tight-Binding "
        "Quantum Chemical Method with Multipole Electrostatics and Density-Dependent "
        "Dispersion Contributions",
        "J. Chem. Theory Comput.", "15", "1652--1671", 2019,
        "10.1021/acs.jctc.8b01176",
    ),
    Citation(
        "Batatia2022MACE", "MACE",
        "Batatia, I. and Kovács, D. P. and Simm, G. N. C. and Ortner, C. and Csányi, G.",
        "MACE: Higher Order Equivariant Message Passing Neural Networks for Fast and Accurate "
        "Force Fields",
        "Adv. Neural Inf. Process. Syst.", "35", "11423--11436", 2022,
        "10.48550/arXiv.2206.07697",
    ),
    Citation(
        "Zeng2025dpdata", "dpdata: reading and converting data",
        "Zeng, J. and Peng, X. and Zhuang, Y.-B. and Wang, H. and Yuan, F. and others",
        "dpdata: A Scalable Python Toolkit for Atomistic Machine Learning Data Sets",
        "J. Chem. Inf. Model.", "", "", 2025,
        "10.1021/acs.jcim.5c01767",
    ),
    Citation(
        "Chodera2007", "statistical inefficiency",
        "Chodera, J. D. and Swope, W. C. and Pitera, J. W. and Seok, C. and Dill, K. A.",
        "Use of the Weighted Histogram Analysis Method for the Analysis of Simulated and "
        "Parallel Tempering Simulations",
        "J. Chem. Theory Comput.", "3", "26--41", 2007,
        "10.1021/ct0502864",
    ),
    Citation(
        "MichaudAgrawal2011", "MDAnalysis (radial distributions)",
        "Michaud-Agrawal, N. and Denning, E. J. and Woolf, T. B. and Beckstein, O.",
        "MDAnalysis: A Toolkit for the Analysis of Molecular Dynamics Simulations",
        "J. Comput. Chem.", "32", "2319--2327", 2011,
        "10.1002/jcc.21787",
    ),
    Citation(
        "Gowers2016", "MDAnalysis",
        "Gowers, R. J. and Linke, M. and Barnoud, J. and Reddy, T. J. E. and Melo, M. N. and "
        "others",
        "MDAnalysis: A Python Package for the Rapid Analysis of Molecular Dynamics Simulations",
        "Proc. 15th Python in Science Conf.", "", "98--105", 2016,
        "10.25080/Majora-629e541a-00e",
    ),
    Citation(
        "Yeh2004", "finite-size correction of diffusion",
        "Yeh, I.-C. and Hummer, G.",
        "System-Size Dependence of Diffusion Coefficients and Viscosities from Molecular "
        "Dynamics Simulations with Periodic Boundary Conditions",
        "J. Phys. Chem. B", "108", "15873--15879", 2004,
        "10.1021/jp0477147",
    ),
    Citation(
        "deBuyl2018tidynamics", "tidynamics: mean square displacements",
        "de Buyl, P.",
        "tidynamics: A Tiny Package to Compute the Dynamics of Stochastic and Molecular "
        "Simulations",
        "J. Open Source Softw.", "3", "877", 2018,
        "10.21105/joss.00877",
    ),
)  # fmt: skip
REFERENCES = {one.key: one for one in _ALL}
