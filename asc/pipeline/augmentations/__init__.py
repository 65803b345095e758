"""The built-in transforms of training rows: one file each, which registers itself.

Heavy libraries are imported inside the functions, so that names are cheap to list.
"""
