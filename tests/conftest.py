"""Settings of the whole suite."""

from hypothesis import settings

# The machines are shared: a rule that holds must not fail because a neighbour was busy.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")
