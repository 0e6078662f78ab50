"""The use cases of the ledger: accept, bulk, cancel, replay, receipts, statistics."""
