"""What a process waited for a core: a time limit that counts it blames a program for what else the machine does."""


def waited_s(pid: int) -> float:
    """Seconds that a process of one thread could run and had no core, as the kernel counts them; 0.0 if it does not.

    The second number of /proc/PID/schedstat, nanoseconds. It is that of the whole life, less a wait that
    is not over yet.
    """
    try:
        with open(f"/proc/{pid}/schedstat", "rb") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):  # a kernel without it, or a /proc that hides it
        return 0.0
