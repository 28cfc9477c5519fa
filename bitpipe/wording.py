"""How sentences and tables for people speak of a number of things."""


def counted(number: int, thing: str, *, plural: str = "") -> str:
    """`1 file`, `2,000 files`.

    Args:
        number: of the things.
        thing: what one of them is called.
        plural: what several are called; where it is left out, the same with an s.
    """
    return f"{number:,} {thing if number == 1 else plural or thing + 's'}"
