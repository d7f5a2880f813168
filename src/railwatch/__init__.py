"""The `railwatch` command, the scene renderer and the demo."""
