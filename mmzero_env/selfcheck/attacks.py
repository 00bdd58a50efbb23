"""What `python -m mmzero_env selftest` tries: one harmless attempt of each kind.

Each of ATTACKS is Python source that raises or returns False where it is stopped and returns True where it gets
through. All act on a playground of their own: PLAYGROUND is a folder with `secret.txt`, `victim.txt`, `doomed.txt` and
a folder `site-packages` with `library.py`, PORT a local port that nobody else uses, VICTIM the id of a process started
for this. Raw system calls get arguments that the kernel itself would not accept: EPERM comes from the filter, anything
else means it was asked.
"""

TOOLS = '''
import ctypes, errno, mmap, os, socket, sys
_libc = ctypes.CDLL(None, use_errno=True)
def asked(x86, arm, *arguments):
    """True if a raw system call reached the kernel."""
    number = x86 if os.uname().machine == "x86_64" else arm
    wide = [ctypes.c_void_p(argument) for argument in arguments]
    return _libc.syscall(ctypes.c_long(number), *wide) >= 0 or ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS)
def opened(path, flags):
    os.close(os.open(path, flags))
    return True
def forked():
    if not (child := os.fork()):
        os._exit(0)
    os.waitpid(child, 0)
    return True
def allocated(size_mb):
    return bool(mmap.mmap(-1, size_mb << 20))
def written(size_mb):
    with open("large", "wb") as file:
        file.write(bytes(size_mb << 20))
    return True
def connected():
    socket.create_connection(("127.0.0.1", PORT), timeout=2).close()
    return True
'''
FORGED = "import os, struct\nos.write(3, struct.pack('<4sBIIIII', b'MMZ1', {}))\nos._exit(0)"

# (name, one expression after TOOLS)
ATTACKS = (
    ("read a file of yours", "opened(PLAYGROUND + '/secret.txt', os.O_RDONLY)"),
    ("list a folder of yours", "bool(os.listdir(PLAYGROUND))"),
    ("read the environment of its owner", "bool(open(f'/proc/{VICTIM}/environ').read())"),
    ("write to a file of yours", "opened(PLAYGROUND + '/victim.txt', os.O_WRONLY)"),
    ("make a file outside", "opened(PLAYGROUND + '/new.txt', os.O_WRONLY | os.O_CREAT)"),
    ("rename a file of yours", "os.rename(PLAYGROUND + '/victim.txt', PLAYGROUND + '/moved.txt') is None"),
    ("remove a file of yours", "os.unlink(PLAYGROUND + '/doomed.txt') is None"),
    ("cut an installed library short", "opened(PLAYGROUND + '/site-packages/library.py', os.O_RDONLY | os.O_TRUNC)"),
    ("a file without a name", "opened(PLAYGROUND, os.O_TMPFILE | os.O_RDWR)"),
    ("change modes of a file", "os.chmod(PLAYGROUND + '/victim.txt', 0o666) is None"),
    ("hard link to a file", "os.link(PLAYGROUND + '/secret.txt', 'link') is None"),
    ("connect to a server", "connected()"),
    ("make a local socket", "bool(socket.socketpair())"),
    ("start a process", "forked()"),
    ("start a program", "os.spawnv(os.P_WAIT, '/bin/true', ['true']) == 0"),
    ("end another process", "os.kill(VICTIM, 0) is None"),
    ("trace another process", "asked(101, 117, 0x4206, VICTIM, 0, 0)"),
    ("mount a file system", "asked(165, 40, 0, 0, 0, 0, 0)"),
    ("make a namespace", "asked(272, 97, -1)"),
    ("load a kernel program", "asked(321, 280, 99, 0, 0)"),
    ("open an io_uring", "asked(425, 425, 0, 0)"),
    ("raise a limit", "asked(302, 261, 0, 99, 1, 0)"),
    ("use a privilege of root", "os.chown(PLAYGROUND + '/doomed.txt', 1, 1) is None"),
    ("take 3 GB of memory", "allocated(3 << 10)"),
    ("write a file of 20 MB", "written(20)"),
)
# What a limit or the owner ends, and SVG: only tried through the whole environment. (name, language, code, statuses).
WHOLE = (
    ("never end", "python", "while True: pass", {"TIMEOUT"}),
    ("sleep", "python", "import time\ntime.sleep(1000)", {"TIMEOUT"}),
    ("fill its folder", "python", "n = 0\nwhile n := n + 1: open(str(n), 'wb').write(bytes(1 << 20))", {"MEMORY"}),
    ("forge a picture of 3600 megapixels", "python", FORGED.format("0, 60000, 60000, 0, 0, 0"), {"CRASH"}),
    ("forge a million texts", "python", FORGED.format("0, 99, 99, 1 << 20, 0, 0"), {"CRASH"}),
    ("forge an answer of a gigabyte", "python", FORGED.format("0, 99, 99, 0, 1 << 30, 0"), {"CRASH"}),
    ("flood its owner", "python", "import os\nwhile True: os.write(3, bytes(1 << 20))", {"CRASH", "RUNTIME_ERROR"}),
    ("clear your terminal", "python", "raise ValueError('\\x1b[2J\\nb.py  OK')", {"RUNTIME_ERROR"}),
    ("read a file", "svg", '<svg width="60" height="60"><image href="file:///etc/passwd"/></svg>', {"FORBIDDEN"}),
    ("expand entities", "svg", '<!DOCTYPE a [<!ENTITY b "c">]><svg width="60" height="60">&b;</svg>', {"FORBIDDEN"}),
    ("ask for 10,000 megapixels", "svg", '<svg width="100000" height="100000"/>', {"BAD_SIZE"}),
    ("nest for ever", "svg", '<svg width="60" height="60">' + "<g>" * 20000 + "</g>" * 20000 + "</svg>", {"TOO_LARGE"}),
)
