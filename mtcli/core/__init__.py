"""The library below the command line: data, networks, tasks and the state of a run."""
