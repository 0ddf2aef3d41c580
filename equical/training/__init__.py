"""Training and fine-tuning: data sets in, checkpoints out. Nothing outside the command line imports this."""
