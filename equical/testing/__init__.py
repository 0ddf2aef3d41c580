"""What proves a calculator right: for the tests of this package, for ``equical check``, and for those of others.

::

    calculator ─▶ Subject (with structures) ─▶ checks ─▶ Findings: what was measured, its limit, and whether it is met
    step (also of training) ─▶ capture_safety (which operations), emulation (what a replay does) ─▶ fit for a CUDA graph

* ``subject``, ``checks``, ``finding``: questions to any ASE calculator, one function for each, and their answers.
* ``capture_safety``: which tensor operations can be part of a CUDA graph, decided without a GPU.
* ``emulation``: CUDA graphs on a CPU, with everything spoiled that a replay must not read.
"""
