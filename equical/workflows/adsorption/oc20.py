"""The adsorbates of the Open Catalyst data set OC20 (Chanussot et al., ACS Catal. 11, 6059, 2021) by name.

What binds is what its authors put on the surface: the atom, or the two atoms, behind the stars of their names.
"""

__all__ = ["OC20_ADSORBATES", "OC20_SKETCHES"]

OC20_ADSORBATES = (
    "*O", "*H", "*OH", "*OH2", "*C", "*CO", "*CH", "*CHO", "*COH", "*CH2", "*CH2*O", "*CHOH", "*CH3", "*OCH3", "*CH2OH",
    "*CH4", "*OHCH3", "*C*C", "*CCO", "*CCH", "*CHCO", "*CCHO", "*COCHO", "*CCHOH", "*CCH2", "*CH*CH", "CH2*CO",
    "*CHCHO", "CH*COH", "*COCH2O", "*CHO*CHO", "*COHCHO", "*COHCOH", "*CCH3", "*CHCH2", "*COCH3", "*OCHCH2", "*COHCH2",
    "*CHCHOH", "*CCH2OH", "*CHOCHOH", "*COCH2OH", "*COHCHOH", "*CH2*CH2", "*OCHCH3", "*COHCH3", "*CHOHCH2", "*CHCH2OH",
    "*OCH2CHOH", "*CHOCH2OH", "*COHCH2OH", "*CHOHCHOH", "*CH2CH3", "*OCH2CH3", "*CHOHCH3", "*CH2CH2OH", "*CHOHCH2OH",
    "*OHCH2CH3", "*NH2N(CH3)2", "*ONN(CH3)2", "*OHNNCH3", "*NNCH3", "*ONH", "*NHNH", "*NH2NH2", "*N*NH", "*ONNO2",
    "*NO2NO2", "*N*NO", "*N2", "*ONNH2", "*NH2", "*NH3", "*NONH", "*NH", "*NO2", "*NO", "*N", "*NO3", "*OHNH2", "*ONOH",
    "*CN",
)  # fmt: skip
"""All 82 in their order, a star before each atom that binds."""

OC20_SKETCHES = {
    "*CH2*O": "*CH2*O", "*CHOH": "CHOH", "*CH2OH": "CH2OH", "*C*C": "*C=*C", "*CCO": "C=C=O", "*CCH": "C#CH",
    "*CHCO": "CH=C=O", "*CCHO": "CCH=O", "*COCHO": "C(=O)CH=O", "*CCHOH": "C=CHOH", "*CCH2": "C=CH2",
    "*CH*CH": "*CH=*CH", "CH2*CO": "C(=O)=CH2", "*CHCHO": "CHCH=O", "CH*COH": "C(OH)=CH", "*COCH2O": "C(=O)CH2O",
    "*CHO*CHO": "*CH(=O)*CH=O", "*COHCHO": "C(OH)CH=O", "*COHCOH": "C(OH)=COH", "*CCH3": "CCH3", "*CHCH2": "CH=CH2",
    "*COCH3": "C(=O)CH3", "*OCHCH2": "OCH=CH2", "*COHCH2": "C(OH)=CH2", "*CHCHOH": "CH=CHOH", "*CCH2OH": "CCH2OH",
    "*CHOCHOH": "CH(=O)CHOH", "*COCH2OH": "C(=O)CH2OH", "*COHCHOH": "C(OH)CHOH", "*CH2*CH2": "*CH2*CH2",
    "*OCHCH3": "O=CHCH3", "*COHCH3": "C(OH)CH3", "*CHOHCH2": "CH(OH)CH2", "*CHCH2OH": "CHCH2OH",
    "*OCH2CHOH": "OCH2CHOH", "*CHOCH2OH": "CH(=O)CH2OH", "*COHCH2OH": "C(OH)CH2OH", "*CHOHCHOH": "CH(OH)CHOH",
    "*CH2CH3": "CH2CH3", "*OCH2CH3": "OCH2CH3", "*CHOHCH3": "CH(OH)CH3", "*CH2CH2OH": "CH2CH2OH",
    "*CHOHCH2OH": "CH(OH)CH2OH", "*OHCH2CH3": "OHCH2CH3", "*NH2N(CH3)2": "NH2N(CH3)CH3", "*ONN(CH3)2": "O=NN(CH3)CH3",
    "*OHNNCH3": "OHN=NCH3", "*NNCH3": "N=NCH3", "*ONH": "O=NH", "*NHNH": "NH=NH", "*NH2NH2": "NH2NH2",
    "*N*NH": "*N=*NH", "*ONNO2": "O=NN(=O)=O", "*NO2NO2": "N(=O)(=O)N(=O)=O", "*N*NO": "*N=*N=O", "*ONNH2": "O=NNH2",
    "*NONH": "N(=O)NH", "*NO2": "N(=O)=O", "*NO3": "N(=O)(=O)O", "*OHNH2": "OHNH2", "*ONOH": "O=NOH",
}  # fmt: skip
"""Those whose geometry comes from their bonds alone, see :func:`sketch`."""
