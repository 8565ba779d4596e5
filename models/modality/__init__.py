"""Auxiliary modalities and their senders: one modality, one file.

Contract of a file: `STREAM` (which stream of a batch it reads), `Settings`, and `Sender(settings, trunk, tokens,
clip)`, a module that takes that stream and gives `models.trunk.Encoded`.
"""
