"""What verdicts say and teach, as pure functions: true counts, precision and recall, recalibrated intervals."""
