"""Published Equiformer checkpoints, read without executing them, to model folders of equical.

::

    file ──reader──▶ plain data ──layouts──▶ Published ──v2 | v3──▶ architecture, names ──convert──▶ model folder
                                                  └──units, references──▶ scales, elements ──────────┘

The package is not called ``convert`` because that is the name of its function, :func:`equical.convert`.
"""

from equical.conversion.convert import convert
from equical.conversion.result import ConversionResult

__all__ = ["ConversionResult", "convert"]
