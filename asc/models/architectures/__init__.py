"""The built-in models: one file each, which registers its builder.

Keras is imported inside the builders, so that names are cheap to list.
"""
