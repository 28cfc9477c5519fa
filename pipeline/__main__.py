"""`python -m pipeline`: the same as `bitpipe`."""

from pipeline.cli import main

main()
