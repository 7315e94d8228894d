"""From files that someone names to answers about them, and to the files that hold these."""
