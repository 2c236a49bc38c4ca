"""Models: each module fits one kind of model on cells; `base` says what every model offers."""
