"""Training and fine-tuning: data sets in, models out.

::

    config ──▶ data ──▶ start ──▶ loop ──▶ report          audit: what may be wrong with data
       └───────── run, finetune, evaluation, check: the public functions ─────────┘

Imports point from the right of the first line to its left.
"""
