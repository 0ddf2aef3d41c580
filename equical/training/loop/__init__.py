"""What happens in every step, and what is kept of it."""
