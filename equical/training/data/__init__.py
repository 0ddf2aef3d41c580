"""From labelled structures to batches: reading, splitting, zeros of energy, denoising."""
