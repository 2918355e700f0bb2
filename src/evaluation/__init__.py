"""Predictions, metrics, intervals, calibration, and what a protocol promises."""
