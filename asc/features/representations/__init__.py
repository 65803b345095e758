"""The built-in features, one a file. Adding a file adds a feature."""

from asc.features.feature import FEATURES

# All at once, whichever file is imported first: one may build on another.
FEATURES.names()
