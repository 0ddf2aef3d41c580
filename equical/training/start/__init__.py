"""From a configuration to what the loop starts from: data, read and split, and a model with their zero of energy."""
