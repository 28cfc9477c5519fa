"""How large a picture may be, wherever one is read."""

# By default, of a decoded picture: 300 MB as RGB. Above what phones and cameras take.
MAX_PIXELS = 100_000_000
# Of a picture's file, which is read whole. None within `MAX_PIXELS` needs more.
MAX_FILE_BYTES = 2**30
