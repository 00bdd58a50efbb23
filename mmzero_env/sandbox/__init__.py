"""The walls around a snippet: Landlock, seccomp, capabilities and limits, each a layer of its own."""
