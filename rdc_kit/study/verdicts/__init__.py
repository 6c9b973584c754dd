"""Tables of results, statistics, published numbers, claims, the ledger."""
