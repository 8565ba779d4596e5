"""What the receivers learn from the sender: one placement, one file.

Contract of a file: `NEEDS_SENDER`, `NEEDS_RECEIVERS`, `Settings`, and, where it needs a sender, `Distill(settings)`: a
module that takes the receivers and the sender's tokens after each block, two tuples of (B, K, D), and gives the loss
to add, weighted.
"""
