"""What is shown: one page per study and an index over all of them."""
