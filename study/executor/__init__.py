"""Where phases run: one executor, one file."""
