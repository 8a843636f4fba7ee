"""Data: schema, dataset, checks, splits and the sources they come from."""
