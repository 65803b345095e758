"""Recipe, run folder, state and trainer."""
