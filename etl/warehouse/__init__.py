"""The warehouse: engine (embedded or given), migrations, publishing, the ledger, the checksum."""
