"""A generator of corpora."""
