"""Tools for testing methods, shipped so that a method written elsewhere can be held to the same contract."""
