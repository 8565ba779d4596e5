"""What TransM3E is compared with: one peer, one file.

Contract of a file: `STREAM` (which stream of a batch it reads), `Settings` and `Baseline(settings, trunk, classes,
clip)`: a module that takes that stream and gives logits (B, classes), at the size of the profile whose trunk is given.
What is trained has `models.peers.PeerSettings` and is a `Peer`, which says how its weights are called where they are
published; an estimate without training has `AnyBaseline` and is an `Untrained`.
"""
