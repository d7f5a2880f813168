"""What Kubernetes' own code says to the overlays."""
