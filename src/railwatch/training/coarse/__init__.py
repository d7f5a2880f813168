"""Makes the model of metres of track under trains: `python -m railwatch.training.coarse`."""
