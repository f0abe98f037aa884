"""Believable traffic with events whose truth is written down."""
