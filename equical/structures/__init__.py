"""Structures as they come from outside: read from files, and looked at for what no calculation can make sense of.

``read`` reads any file (``formats`` finds its format, ``species`` its elements), ``elements``, ``occupancy``,
``contacts`` and ``periodicity`` each know one way in which a structure can be wrong, and ``identity`` tells when two
are the same in another form.
"""

from equical.structures.read import read_structure, read_structures

__all__ = ["read_structure", "read_structures"]
