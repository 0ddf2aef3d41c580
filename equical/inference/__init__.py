"""How a prediction is executed; what is predicted is the business of :mod:`equical.model`."""
