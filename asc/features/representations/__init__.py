"""The built-in features, one a file. Adding a file adds a feature."""
