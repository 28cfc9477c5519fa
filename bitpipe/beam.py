"""Options of Beam, as on its command line."""

# Everything runs in the process that asks.
IN_PROCESS = (
    # What DirectRunner falls back to, after trying to download another runner.
    "--runner=FnApiRunner",
    "--direct_running_mode=in_memory",
    "--direct_num_workers=1",
)
