"""The exit codes of every command: one table, which the README repeats."""

OK = 0  # done: the model was pushed or is in service, every picture was answered
FAILED = 1  # something nobody foresaw; the log is named
USER = 2  # arguments, configuration, data or a missing server: what the user can put right
NOT_BLESSED = 3  # the run finished, the gate refused the model, and nothing was pushed
INTERRUPTED = 130  # a shell's 128 + SIGINT
TERMINATED = 143  # a shell's 128 + SIGTERM
