"""The features of an ingested example: the contract between ImageExampleGen and all later stages.

Plain identifiers: the argument of a serving signature bears a feature's name, so that TFMA can feed
it the raw feature, and an argument's name cannot hold a slash.
"""

from bitpipe.model import signature

# bytes: a JPEG or PNG file that every decoder of TensorFlow reads upright. The served model's input
# bears its name, or TFMA could not feed it.
IMAGE = signature.IMAGE
# int64: pixels, of the decoded picture.
HEIGHT = "height"
WIDTH = "width"
AREA = "area"
# bytes: 64 hexadecimal digits, see `components.image_example_gen.images.pixel_digest`.
SHA256 = "sha256"
# bytes: UTF-8, path relative to the data folder, with forward slashes on every system; as
# `bitpipe.names.storable` where the file's own name is not UTF-8.
FILENAME = "filename"
# bytes: UTF-8, name of the class folder.
LABEL = "label"
