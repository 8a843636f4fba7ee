"""Recipes: the ways to put the parts together that people actually use."""
