"""The command line: options in, a recipe called, its events drawn. One file a subcommand."""
