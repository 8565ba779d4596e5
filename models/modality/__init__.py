"""Auxiliary modalities and their senders: one modality, one file."""
