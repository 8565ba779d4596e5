"""Auxiliary modalities and their senders: one modality, one file.

Contract of a file: `STREAM` (which stream of a batch it reads), `Settings`, a `models.senders.SenderSettings`, and
`Sender(settings, trunk, tokens, clip)`, an `Encoder` of that stream. A stream that no data set has, because it is
computed from the RGB frames once and kept in the cache, has the name of its file and comes from its
`prepare(frames_THWC)`, of NumPy arrays.
"""
