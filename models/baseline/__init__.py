"""What TransM3E is compared with: one peer, one file.

Contract of a file: `STREAM` (which stream of a batch it reads), `Settings`, a `models.peers.AnyBaseline`, and
`Baseline(settings, trunk, classes, clip)`: a module that takes that stream and gives logits (B, classes), at the size
of the profile whose trunk is given. An estimate without training is a `models.peers.Untrained`.
"""
