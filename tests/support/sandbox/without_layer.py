"""Starts an environment where the kernel refuses one layer: `python without_layer.py LAYER SANDBOX` (or selftest).

The refusal is real: a seccomp filter, inherited by everything started here, answers ENOSYS to the layer's system call.
Prints the RenderEnvError, or the layers that are on and what a snippet can then do.
"""

import errno
import logging
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from mmzero_env import RenderConfig, RenderEnv, RenderEnvError, RenderRequest
from mmzero_env.__main__ import main as main_of_package
from mmzero_env.sandbox import limits, seccomp
from mmzero_env.sandbox.kernel import number

CALLS = {"landlock": "landlock_create_ruleset", "seccomp": "seccomp", "capabilities": "capset"}


class Refusing(seccomp.Filter):
    """A filter that refuses one call and allows the rest."""

    def __init__(self, call: str):
        import ctypes

        program = [
            (seccomp.LOAD, 0, 0, seccomp.NR),
            (seccomp.EQUAL, 0, 1, number(call)),
            (seccomp.RETURN, 0, 0, seccomp.REFUSE | errno.ENOSYS),
            (seccomp.RETURN, 0, 0, seccomp.ALLOW),
        ]
        self.code = b"".join(struct.pack("=HBBI", *line) for line in program)
        self._buffer = ctypes.create_string_buffer(self.code, len(self.code))
        self._program = seccomp._Program(len(program), ctypes.addressof(self._buffer))


def main(layer: str, sandbox: str) -> None:
    logging.basicConfig(stream=sys.stdout, format="%(message)s")
    limits.no_new_privs()
    Refusing(CALLS[layer]).load()
    if sandbox == "selftest":
        sys.exit(main_of_package(["selftest"]))
    try:
        with RenderEnv(RenderConfig(workers=1, sandbox=sandbox)) as env:
            print("on:", *[name for name, on, _ in env.layers() if on])
            print(env.render(RenderRequest("import socket\nsocket.socket()", "python")).status.name)
    except RenderEnvError as error:
        print(f"RenderEnvError: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
