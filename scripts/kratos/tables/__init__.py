"""Tables: each module turns evaluation rows into one table of the paper or of ours."""
