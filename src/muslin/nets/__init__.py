"""Networks: pure functions over parameter dictionaries."""
