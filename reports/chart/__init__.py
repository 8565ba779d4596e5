"""Charts of a page: one chart, one file."""
