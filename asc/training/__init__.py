"""Recipe, run folder, session, state and trainer."""
