"""The report: one page, in one file, with every table, figure and claim of a run, and how each was computed."""
