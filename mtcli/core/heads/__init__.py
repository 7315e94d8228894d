"""Heads that more than one kind of task, or an option, may choose; one file each."""
