"""Marker genes for users: named methods, scanpy's format of rankings, and the marker page."""
