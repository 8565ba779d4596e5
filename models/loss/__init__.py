"""Classification losses: one loss, one file."""
