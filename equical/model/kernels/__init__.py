"""Operations with derivatives of their own: everything in the model that is a ``torch.autograd.Function``.

What torch would derive by itself is right but slow, or keeps too much; so these say how they are differentiated. Each
stands beside its plain twin (``plain_...``), a line or two of ordinary torch, which tests hold it to: values, first
and, where there are any, second derivatives.

* ``segment``: reading rows of atoms for edges, and summing rows of edges on atoms.
* ``joints``: cutting a tensor into pieces, and joining pieces.
* ``degree_scale``: a weight for each degree, times all of its orders.
* ``sphere_product``: the product of two signals on the sphere, from coefficients to coefficients.
* ``streaming``: the widest tensors of a message, a few edges at a time. Once differentiable.
* ``chunked``: whole messages, a few thousand edges at a time, evaluated again for the derivative. Once differentiable.

The first four are twice differentiable and make up the bricks; the last two are for frozen networks, see
:mod:`equical.model.frozen`. Kernels know tensors only, no bricks.
"""
