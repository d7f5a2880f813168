"""The system under faults: real processes on Apache Kafka and Redis, faults by chance, a check of what came of it."""
