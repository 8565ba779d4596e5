"""What is measured: how average precision is computed, and the facts of every metric of a claim."""
