"""Modules over time inside the trunk: one module, one file.

Contract of a file: `Settings`; `places(settings, depth)`, the blocks after which a module stands; and, where there are
any, `Temporal(settings, width, grid, tokens)`: a module that takes and gives the whole sequence
(B, tokens + T*H*W, width) after such a block. It is the identity at initialisation (a gate that opens from zero).
Its settings have `enters: Literal["joint", "pretrain"]`: with "pretrain" it is in the RGB phase already, with "joint"
only in the joint one.
"""
