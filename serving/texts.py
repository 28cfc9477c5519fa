"""Error texts on which server and client agree, and what they leave of TensorFlow's."""

import re

# TensorFlow Serving's text for what is not there, after which the embedded server says what is.
# Other clients go by the former, this project's shows the latter.
NO_SERVABLE = "Servable not found for request: "
SERVED = "This server has "

# Where in the graph: `[[{{node decode_image}}]]`, `{{function_node __inference_serve_31}}`.
_NODES = re.compile(r"\s*\[\[.*?\]\]|\{\{(?:function_node|node) [^}]*\}\}\s*")
# The same failure in several places: "2 root error(s) found.", each with its code.
_SEVERAL = re.compile(
    r"\d+ root error\(s\) found\.\s*\(0\)\s*"
    r"(?:(?:[A-Z_]+|Invalid argument|Internal|Not found|Out of range|Failed precondition): )?"
)
_NEXT = re.compile(r"\n\s*\(1\)\s")
_TRACE = re.compile(r"\n\s*(?:Errors may have originated|Original stack trace|Detected at node)")


def sentence(text: str) -> str:
    """The first error that a text of TensorFlow's tells, without the graph around it.

    `text` itself where nothing of TensorFlow's is in it.
    """
    shown = _TRACE.split(text, maxsplit=1)[0]
    if _SEVERAL.search(shown):
        shown = _NEXT.split(_SEVERAL.sub("", shown, count=1), maxsplit=1)[0]
    return _NODES.sub("", shown).strip() or text
