"""What was measured: the ledger, the metrics, the contrasts and the answers."""
