"""The engine: it plans a study, trains what is due, records it and answers."""
