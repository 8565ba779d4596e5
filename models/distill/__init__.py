"""What the receivers learn from the sender: one placement, one file."""
