"""The bricks that several generations of the network are built from: plain mathematics, one idea in each file.

::

    vectors ─▶ edges (radial basis, envelope, rotations into frames) ─┐
    numbers ─▶ embedding (element, surroundings) ─▶ node features x ──┴─▶ linear maps ▶ activations ▶ … (v2, v3)

* ``edges``: what every layer knows of the edges, and how atoms pass messages along them.
* ``embedding``: first features of an atom.
* ``radial``: how distances and elements weigh a message.
* ``linear``: linear maps that commute with rotations, of atoms (SO(3)) and of edges (SO(2)).
* ``mirror_linear``: the map of edges that commutes with mirror planes too (O(2)).
* ``activation``: non-linearities of edges.
* ``repulsion``: an analytic core at short distances.

A brick takes numbers, never the configuration of a generation, and its ``forward`` says nothing about how it is
executed: what passes in pieces, or has its matrices prepared, is another class in :mod:`equical.model.frozen`.
"""
