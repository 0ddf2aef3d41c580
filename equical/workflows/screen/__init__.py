"""Adsorption energies by the thousand: many adsorbates on many surfaces, with as many workers as there are.

``table`` reads what is asked for, ``plan`` looks into every line, ``store`` keeps each relaxation in a database,
``tasks`` are what ``workers`` do, and ``driver`` leads them as ``settings`` say. ``run`` puts it together; ``status``
tells how far it is; ``result``, ``files`` and ``plots`` are what comes out.
"""

from equical.workflows.screen.files import export_screen
from equical.workflows.screen.result import Adsorption, ScreenFailure, ScreenResult
from equical.workflows.screen.run import screen
from equical.workflows.screen.settings import ScreenSettings
from equical.workflows.screen.status import ScreenStatus, screen_status

__all__ = [
    "Adsorption",
    "ScreenFailure",
    "ScreenResult",
    "ScreenSettings",
    "ScreenStatus",
    "export_screen",
    "screen",
    "screen_status",
]
