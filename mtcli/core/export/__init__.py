"""Models as files that run without this program, and such files opened again."""
