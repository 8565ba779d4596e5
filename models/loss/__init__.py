"""Classification losses: one loss, one file.

Contract of a file: `Settings`, `loss(logits_BC, labels_BC)` (a scalar: mean over clips and classes) and
`scores(logits_BC)` (what is ranked and reported, between 0 and 1).
"""
