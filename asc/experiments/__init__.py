"""Trainings with their one look at the test part: one, folds, grids, comparisons."""
