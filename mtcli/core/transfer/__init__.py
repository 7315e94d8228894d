"""Weights that move from one network to another: where they come from, and what becomes of each."""
