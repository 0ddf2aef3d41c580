"""Engines and tools of others that drive the calculator, each in a folder of its own; nothing else needs them."""
