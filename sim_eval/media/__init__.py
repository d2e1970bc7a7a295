"""Videos that evaluations write."""
