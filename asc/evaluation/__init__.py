"""Figures, pictures, and a training with its one look at the test part."""
