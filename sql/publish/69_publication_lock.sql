-- Numbers of publications follow the order of commits: held to the end of the transaction, and nothing is waited for after it.
SELECT pg_advisory_xact_lock(766000002)
