"""From labelled structures to what a model knows, and to how well it says so.

``seen`` reads features, errors and pairs of elements off structures, ``fit`` makes :class:`.Knowledge` of them,
``score`` compares what is stated with errors of structures that had no part in the scale, and ``plots`` draws that.
:func:`equical.calibrate` is the whole.
"""
