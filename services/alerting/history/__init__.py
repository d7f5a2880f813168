"""A site's history: observations, the life of its alerts, and how they are worded."""
