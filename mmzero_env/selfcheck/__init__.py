"""What a person can ask about this machine: which layers hold (doctor), and what they stop (selftest)."""
