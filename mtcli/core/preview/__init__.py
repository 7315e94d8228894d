"""A few samples as the network gets them, for people to look at."""
