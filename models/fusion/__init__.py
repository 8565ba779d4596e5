"""How own and receiver tokens are joined: one fusion, one file.

Contract of a file: `NEEDS_RECEIVERS`, `Settings`, and `Fusion(settings, tokens, width)`, a module that takes own and
receiver tokens after the trunk's final LayerNorm, each (B, K, D), and gives (B, K, D). Where `NEEDS_RECEIVERS` is
false it also takes None for the receivers.
"""
