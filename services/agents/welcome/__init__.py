"""The credits that newcomers bring their operators."""
