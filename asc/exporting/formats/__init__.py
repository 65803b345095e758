"""The built-in formats, one a file. Adding a file adds a format."""
