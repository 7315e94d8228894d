"""What a person sees: progress, tables and errors, drawn from events; decides nothing."""
