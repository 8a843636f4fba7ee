"""Showing garments nobody knows yet, within a budget, and knowing with what probability each was shown."""
