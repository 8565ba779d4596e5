"""What the RGB branch learns from a sender: one placement, one file.

Contract of a file: `Settings`, a `models.distilling.AnyDistill`; and, where it needs a sender,
`Distill(settings, trunk, sender)`, built from the `models.distilling.Blocks` of both sides: a module that takes what is
`Seen` of the student and of the sender, and gives the loss to add, weighted.
"""
