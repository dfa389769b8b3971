"""One room per source, each with the same furniture: source.yml, fetch.py, read.py, columns.csv, corrections.yml."""
