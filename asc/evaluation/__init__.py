"""Measuring: metrics, intervals, significance, calibration."""
