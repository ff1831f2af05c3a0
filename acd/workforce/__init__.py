"""Arithmetic of staffing. Pure."""
