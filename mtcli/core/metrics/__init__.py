"""Metrics that more than one place uses, free of any task."""
