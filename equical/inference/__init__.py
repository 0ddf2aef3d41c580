"""How a prediction is executed; what is predicted is the business of :mod:`equical.model`.

::

                                           ┌─▶ AtomGraph ─▶ Potential.predict ─────────────────────────┐
    Atoms ─▶ NeighborSearch (Verlet list) ─┤                                                           ├─▶ Prediction
                                           └─▶ StaticInputs ─▶ Step: run anew, CUDA graph, or compiled ┘

Static buffers are padded, in sizes that grow by a quarter, and rewritten for every structure. A :class:`Step` is a pure
function of them, derivatives included, so that it can be captured once and replayed; the first replay is compared with
eager execution. That it can be captured is proved without a GPU: ``capture_safety`` knows the operations which may be
part of a CUDA graph, ``tracing`` runs a step on CUDA tensors that do not exist, ``emulation`` replays on a CPU.

The same structure gives the same bits on a CPU in eager execution, from run to run and whether a neighbour list was
kept or made anew. Padding, batches and compilers change the order of additions, which moves results by 1e-12 relative
in float64 and by 1e-5 in float32; so do the unordered sums of a GPU.
"""
