"""Campaigns that try to break the service's promises, one file each; the quick form of each runs in the suite."""
