"""Modules over time inside the trunk: one module, one file."""
