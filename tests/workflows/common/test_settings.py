"""Numbers that no run comes to an end with are refused where settings are made."""

import pytest

from equical.errors import InputError
from equical.workflows.bench.settings import BenchSettings
from equical.workflows.elastic.settings import ElasticSettings
from equical.workflows.eos.settings import EosSettings
from equical.workflows.md.settings import MDSettings
from equical.workflows.neb.settings import NebSettings
from equical.workflows.phonon.settings import PhononSettings
from equical.workflows.vib.settings import VibSettings

HUGE = 10**20


@pytest.mark.parametrize(
    ("kind", "setting", "message"),
    [
        (BenchSettings, {"sizes": (HUGE,)}, "give numbers of atoms from 1 to 10,000,000"),
        (ElasticSettings, {"num_strains": HUGE}, "num_strains must be a whole number from 4 to 1000"),
        (ElasticSettings, {"max_strain": 1e-300}, "largest strain 1e-300 is not in the elastic range"),
        (EosSettings, {"num_points": HUGE}, "num_points must be a whole number from 5 to 1000"),
        (EosSettings, {"num_points": 7.5}, "num_points must be a whole number"),
        (EosSettings, {"volume_range": 1e-300}, "volume range 1e-300: give half its width"),
        (MDSettings, {"timestep": 1e-300}, "timestep must be a number of fs, 0.0001 or more"),
        (NebSettings, {"images": HUGE}, "images must be a whole number from 1 to 1000"),
        (PhononSettings, {"supercell": (HUGE, 1, 1)}, "three numbers of repeats, each from 1 to 100"),
        (PhononSettings, {"mesh": 1e30}, "mesh 1e\\+30: give a length in Å such as 100"),
        (PhononSettings, {"displacement": 1e-300}, "displacement of 1e-300 Å is not in the harmonic range"),
        (VibSettings, {"displacement": 1e-300}, "displacement of 1e-300 Å is not in the harmonic range"),
    ],
)
def test_numbers_beyond_all_sense(kind, setting, message):
    with pytest.raises(InputError, match=message):
        kind(**setting)
