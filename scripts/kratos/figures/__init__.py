"""Figures: each module draws one kind of figure from evaluation rows; `style` holds what they share."""
