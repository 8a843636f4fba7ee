"""What transfer is worth, measured."""
