"""Looking at data before it is learnt from: one survey, and the checks that read it."""
