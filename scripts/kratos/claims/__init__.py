"""Claims: what the paper says, measured from result files, with a verdict."""
