"""Which formats are pictures, and which files are worth a look.

The content of a file decides whether it is a picture. Names only spare a look at what is certainly
none, so that a folder may hold a licence or a list of labels beside its pictures.
"""

# As Pillow names them; only decoders which work in this process: its EPS plugin, for one, runs
# Ghostscript. HEIF (.heic) needs pillow-heif beside Pillow. TGA is the last, because it has no mark
# of its own.
FORMATS = (
    *("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "BMP", "GIF", "TIFF", "JPEG2000", "PPM", "ICO"),
    "TGA",
)

# Left behind by file managers and archivers; compared in lower case.
_LITTER = frozenset({"thumbs.db", "desktop.ini", "__macosx"})

# Formats of pictures that cannot be read, such as .svg, are not among them: the user is told of
# each.
_NO_PICTURE = frozenset(
    f".{suffix}"
    for suffix in (
        # texts
        *("bib", "cfg", "conf", "css", "csv", "doc", "docx", "htm", "html", "ini", "json", "jsonl"),
        *("log", "md", "ndjson", "odt", "pdf", "rst", "rtf", "tex", "toml", "tsv", "txt", "xml"),
        *("yaml", "yml"),
        # programs
        *("bat", "c", "cpp", "dll", "exe", "go", "h", "ipynb", "java", "js", "py", "pyc", "rs"),
        *("sh", "so", "sql"),
        # archives
        *("7z", "bz2", "gz", "iso", "rar", "tar", "tgz", "xz", "zip", "zst"),
        # numbers
        *("db", "h5", "hdf5", "mat", "npy", "npz", "ods", "parquet", "pickle", "pkl", "ppt"),
        *("pptx", "sqlite", "tfrecord", "xls", "xlsx"),
        # sound and films
        *("3gp", "aac", "avi", "flac", "flv", "m4a", "m4v", "mkv", "mov", "mp3", "mp4", "mpeg"),
        *("mpg", "ogg", "wav", "webm", "wma", "wmv"),
        # what photo programs write beside a picture
        *("aae", "xmp"),
        # sums and links
        *("lnk", "md5", "sha1", "sha256", "url", "webloc"),
    )
)


def is_candidate(name: str) -> bool:
    """Whether a file found in a folder may be a picture, by its name without the folder's.

    A file that the user names is tried whatever its name.
    """
    _, dot, ending = name.rpartition(".")  # a path object would cost more than the listing
    return not (is_litter(name) or f"{dot}{ending}".lower() in _NO_PICTURE)


def is_litter(name: str) -> bool:
    """Whether a file or folder is hidden, or what file managers and archivers leave behind."""
    return name.startswith(".") or name.lower() in _LITTER
