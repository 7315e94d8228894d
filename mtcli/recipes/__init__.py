"""One file a verb: its whole algorithm, top to bottom, telling its progress as typed events."""
