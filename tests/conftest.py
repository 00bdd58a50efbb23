"""What holds for every test."""

import signal

# A shell starts background jobs with Ctrl-C ignored, and programs inherit that: tests that send it need the default.
signal.signal(signal.SIGINT, signal.default_int_handler)
