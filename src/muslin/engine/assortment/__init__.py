"""The catalogue as it is now: garments join, change, sell out and leave while the model serves."""
