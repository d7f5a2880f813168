"""The alerting rule: the threshold, the CUSUM for slow rises, and the onset, as pure functions."""
