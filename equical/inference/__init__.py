"""How a prediction is executed; what is predicted is the business of :mod:`equical.model`.

::

                                           ┌─▶ AtomGraph ─▶ FrozenPotential.predict ───────────────────┐
    Atoms ─▶ NeighborSearch (Verlet list) ─┤                                                           ├─▶ Prediction
                                           └─▶ StaticInputs ─▶ Step: run anew, CUDA graph, or compiled ┘

* ``executions``: the ways to execute a model, by name; an :class:`Evaluator` for each.
* ``eager``: the graph of a structure, and the network on it.
* ``static``, ``step``, ``buckets``, ``backends``: padded buffers, what is computed in them, their sizes, and how that
  is run: as it is, as a CUDA graph, or compiled.
* ``batch``, ``workers``, ``memory``: many structures at a time, on all cores, within a budget of memory.
* ``frozen``: the frozen twin of a force field, made anew when weights have changed; see :mod:`equical.model.frozen`.
* ``neighbor_search``: the neighbours a model looks at, of structures that come one after the other.
* ``devices``, ``habit``: where and how precisely, by name; whether forces will be asked for.
* ``tracing``, ``stats``: a step as a flat graph of operations; what was evaluated, and what took the time.

Static buffers are padded, in sizes that grow by a quarter, and rewritten for every structure. A :class:`Step` is a pure
function of them, derivatives included, so that it can be captured once and replayed; the first replay is compared with
eager execution. That it can be captured is proved without a GPU: ``tracing`` runs a step on CUDA tensors that do not
exist, and :mod:`equical.testing` knows the operations which may be part of a CUDA graph and replays them on a CPU.

The same structure gives the same bits on a CPU in eager execution, from run to run and whether a neighbour list was
kept or made anew. Padding, batches and compilers change the order of additions, which moves results by 1e-12 relative
in float64 and by 1e-5 in float32; so do the unordered sums of a GPU.
"""
