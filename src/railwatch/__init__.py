"""Railwatch: the services and what they share, the command, the demo, the scene renderer and the training."""
