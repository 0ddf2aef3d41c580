"""Ask a calculator everything that has ever gone wrong with one, and say what it answered.

``run`` asks the questions of :mod:`equical.testing.checks` as ``settings`` say; ``files`` and ``plots`` keep the
``result``.
"""

from equical.workflows.check.result import CheckResult
from equical.workflows.check.run import check
from equical.workflows.check.settings import CheckSettings

__all__ = ["CheckResult", "CheckSettings", "check"]
