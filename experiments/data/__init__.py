"""Readers of data sets: one reader, one file."""
