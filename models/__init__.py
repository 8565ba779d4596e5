"""The networks: TransM3E, its variants and its peers."""
