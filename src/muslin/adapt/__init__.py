"""Learning from a handful of events: inner loops, what is learned through them, and the closed form."""
