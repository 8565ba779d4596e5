"""Modules over time inside the trunk: one module, one file.

Contract of a file: `Settings`, a `models.frames.TemporalSettings`; and `Temporal(settings, width, grid, tokens)`: a
module that takes and gives the whole sequence (B, tokens + T*H*W, width) after the blocks that the settings name. It
is the identity at initialisation: derive it from `models.frames.OverTime`, whose gate opens from zero.
"""
