"""How large a picture may be, wherever one is read."""

# By default, of a decoded picture: 300 MB as RGB. Above what phones and cameras take.
MAX_PIXELS = 100_000_000
# Of a picture's file, which is read whole. None within `MAX_PIXELS` needs more.
MAX_FILE_BYTES = 2**30
# Of a JPEG file. libjpeg's own progression has 10 (jcparam.c), optimisers come to 20; a thousand
# empty ones keep a decoder busy for 40 s with 300 kB.
MAX_SCANS = 64
