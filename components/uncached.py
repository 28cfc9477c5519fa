"""How a stage says that its output is good for this run, and not to be found by TFX's cache again.

TFX decides by what the driver saw; only the executor knows whether that still held when it read.
"""

# A custom property of the artifact: the reason, in words.
PROPERTY = "not_reused"
