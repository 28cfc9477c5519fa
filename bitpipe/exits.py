"""The exit codes of every command: one table, which the README repeats."""

OK = 0  # done: the model was pushed or is in service, every picture was answered
FAILED = 1  # something nobody foresaw; the log is named
# Arguments, configuration, data, a missing server, a picture that has no answer: what the user can
# put right.
USER = 2
# The run finished and nothing was pushed: the gate refused the model, or somebody has rolled back
# from it.
NOT_BLESSED = 3
INTERRUPTED = 130  # a shell's 128 + SIGINT
TERMINATED = 143  # a shell's 128 + SIGTERM
