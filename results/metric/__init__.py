"""Metrics of predictions: one metric, one file."""
