"""Recorded LeRobot datasets, opened honestly: every refusal comes before any long work, and in one sentence."""
