"""How many fields a serialized message has, counted without building any of them.

A byte or two are a field: parsed, each becomes an object, and a few megabytes of them stop the
event loop for half a minute. What is counted is bounded, so counting is as well.
"""

from typing import Any

# Of a request: 1,024 tf.Examples with a dozen features each come to as many.
MAX_FIELDS = 2**16
# A shorter message cannot hold so many.
MIN_BYTES = 2 * MAX_FIELDS

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # protobuf.dev/programming-guides/encoding
_LENGTHS = {_FIXED64: 8, _FIXED32: 4}


def has_more_fields(data: bytes, message_class: Any, most: int = MAX_FIELDS) -> bool:
    """Whether a message has more fields than `most`, those of messages within it included.

    False for what is no message of this class, as its parser will say.
    """
    if len(data) < min(MIN_BYTES, 2 * most):
        return False
    count = 0
    waiting = [(0, len(data), message_class.DESCRIPTOR)]
    try:
        while waiting:
            position, end, descriptor = waiting.pop()
            fields = descriptor.fields_by_number
            while position < end:
                count += 1
                if count > most:
                    return True
                tag, position = _varint(data, position)
                kind = tag & 7
                if kind == _VARINT:
                    _, position = _varint(data, position)
                elif kind == _BYTES:
                    size, start = _varint(data, position)
                    position = start + size
                    field = fields.get(tag >> 3)
                    if field is not None and field.message_type is not None:
                        waiting.append((start, min(position, end), field.message_type))
                else:  # nothing follows the start and the end of a group
                    position += _LENGTHS.get(kind, 0)
    except IndexError:  # it ends within a field
        pass
    return False


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A number and the position behind it."""
    value = data[position]
    if value < 0x80:
        return value, position + 1
    value, shift = value & 0x7F, 7
    while True:
        position += 1
        byte = data[position]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position + 1
        shift += 7
        if shift > 63:  # ten bytes at most
            raise IndexError(position)
