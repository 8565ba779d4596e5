"""How factors make arms: one design, one file."""
