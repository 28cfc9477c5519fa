"""The errors a user can cause or repair, and the exit code each one ends the process with."""


class BitpipeError(Exception):
    """A failure whose message alone tells the user what happened and what to do."""

    exit_code = 1


class DataError(BitpipeError):
    """The photographs, or the records made of them, break a rule of the pipeline."""

    exit_code = 2


class ConfigError(BitpipeError, ValueError):
    """A setting is unknown, malformed, or contradicts another one."""

    exit_code = 2


class WeightsError(BitpipeError):
    """Pre-trained weights cannot be obtained, or do not fit the network they are meant for."""

    exit_code = 2


class TrainingError(BitpipeError):
    """Training cannot go on: the loss is no longer a number."""
