"""Limits on which client and server agree."""

# gRPC's default for what is received is 4 MiB: too little for photos.
MAX_MESSAGE_BYTES = 64 * 2**20
