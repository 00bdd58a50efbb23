"""Hostile Python: (name, code, statuses that are right, what the answer must say or None).

Where a snippet catches what the sandbox does to it, it draws the outcome with `report(...)`, so the test can read it.
PLAYGROUND: a folder that everybody may write in. PORT: a server that counts connections. OWNER: the process that asked.
"""

# ruff: noqa: E501  (a case is a line)

TOOLS = """
import ctypes, errno, os, sys
def report(*found):
    from PIL import Image, ImageDraw
    image = Image.new("RGB", (600, 400), "white")
    for line, one in enumerate(found):
        ImageDraw.Draw(image).text((5, 5 + 12 * line), str(one), fill="black")
    image.show()
def raw(x86, arm, *args):
    libc = ctypes.CDLL(None, use_errno=True)
    number = x86 if os.uname().machine == "x86_64" else arm
    value = libc.syscall(ctypes.c_long(number), *[ctypes.c_void_p(a) for a in args])
    return "done" if value >= 0 else errno.errorcode[ctypes.get_errno()]
def attempt(call, *args, **kwargs):
    try:
        return f"got {call(*args, **kwargs)!r}"
    except BaseException as error:
        return f"refused {type(error).__name__}"
"""
FIGURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.title('fine')\n"
REFUSED = "refused PermissionError"

# Raw system calls, with arguments that would do something if they were let through: x86-64 and aarch64 numbers.
RAW = {
    "execve": (59, 221, 0, 0, 0),
    "execveat": (322, 281, 0, 0, 0, 0, 0),
    "fork": (57, 220, 17, 0, 0, 0, 0),
    "vfork": (58, 220, 17, 0, 0, 0, 0),
    "clone": (56, 220, 17, 0, 0, 0, 0),
    "memfd_create": (319, 279, 0, 0),
    "socket": (41, 198, 2, 1, 0),
    "socketpair": (53, 199, 1, 1, 0, 0),
    "io_uring_setup": (425, 425, 8, 0),
    "bpf": (321, 280, 0, 0, 0),
    "userfaultfd": (323, 282, 0),
    "perf_event_open": (298, 241, 0, 0, 0, 0, 0),
    "mount": (165, 40, 0, 0, 0, 0, 0),
    "umount2": (166, 39, 0, 0),
    "unshare": (272, 97, 0x10000000),
    "setns": (308, 268, 0, 0),
    "pivot_root": (155, 41, 0, 0),
    "chroot": (161, 51, 0),
    "keyctl": (250, 219, 0, 0, 0, 0, 0),
    "add_key": (248, 217, 0, 0, 0, 0, 0),
    "ptrace": (101, 117, 0, 0, 0, 0),
    "process_vm_readv": (310, 270, 1, 0, 0, 0, 0, 0),
    "process_vm_writev": (311, 271, 1, 0, 0, 0, 0, 0),
    "pidfd_open": (434, 434, 1, 0),
    "pidfd_getfd": (438, 438, 0, 0, 0),
    "kill": (62, 129, 0, 0),
    "tgkill": (234, 131, 1, 1, 0),
    "setuid": (105, 146, 0),
    "capset": (126, 91, 0, 0),
    "prctl": (157, 167, 1, 0, 0, 0, 0),
    "seccomp": (317, 277, 0, 0, 0),
    "prlimit_other": (302, 261, 1, 7, 0, 0),
    "setrlimit": (160, 164, 7, 0),
    "chmod": (90, 53, 0, 0),
    "fchmodat": (268, 53, 0, 0, 0),
    "fchown": (93, 55, 0, 0, 0),
    "setxattr": (188, 5, 0, 0, 0, 0, 0),
    "utimensat": (280, 88, 0, 0, 0, 0),
    "link": (86, 37, 0, 0),
    "symlinkat": (266, 36, 0, 0, 0),
    "mknodat": (259, 33, 0, 0, 0, 0),
    "truncate": (76, 45, 0, 0),
    "open_by_handle_at": (304, 265, 0, 0, 0),
    "name_to_handle_at": (303, 264, 0, 0, 0, 0, 0),
    "init_module": (175, 105, 0, 0, 0),
    "kexec_load": (246, 104, 0, 0, 0, 0),
    "reboot": (169, 142, 0, 0, 0, 0),
    "swapon": (167, 224, 0, 0),
    "sethostname": (170, 161, 0, 0),
    "settimeofday": (164, 170, 0, 0),
    "inotify_init1": (294, 26, 0),
    "shmget": (29, 194, 0, 4096, 0o1600),
    "msgget": (68, 186, 0, 0o1600),
    "mq_open": (240, 180, 0, 0, 0, 0),
    "sched_setaffinity": (203, 122, 0, 0, 0),
    "setpriority": (141, 140, 0, 0, 0),
    "personality": (135, 92, 0),
    "no_such_call": (999, 999),
}

# After TOOLS and `import mmap`, in a loop over i: memory that no folder lists.
NAMELESS = {
    "unlinked": "fd = os.open(f'f{i}', os.O_RDWR | os.O_CREAT); os.unlink(f'f{i}'); os.write(fd, bytes(4 << 20))",
    "unlinked by the C library": "fd = os.open(f'f{i}', os.O_RDWR | os.O_CREAT)\n"
    "    ctypes.CDLL(None).unlink(f'f{i}'.encode()); os.write(fd, bytes(4 << 20))",
    "never named": "os.write(os.open('.', os.O_TMPFILE | os.O_RDWR), bytes(4 << 20))",
    "replaced": "fd = os.open(f'f{i}', os.O_RDWR | os.O_CREAT); os.write(fd, bytes(4 << 20))\n"
    "    open('x', 'w').close(); os.replace('x', f'f{i}')",
    "only mapped": "fd = os.open(f'f{i}', os.O_RDWR | os.O_CREAT); os.write(fd, bytes(4 << 20))\n"
    "    kept.append(mmap.mmap(fd, 4096, mmap.MAP_PRIVATE, mmap.PROT_READ)); os.unlink(f'f{i}'); os.close(fd)",
}
# forge(texts, message, status, side, answers): sends a result of the snippet's own.
FORGE = (
    "import os, struct\ndef forge(texts=b'', message=b'', status=0, side=64, answers=b''):\n"
    "    sizes = (len(texts), len(answers), len(message))\n"
    "    data = struct.pack('<4sBIIIII', b'MMZ1', status, side, side, *sizes) + texts + answers + message\n"
    "    data += os.urandom(64 * 64 * 4 if status == 0 else 0)\n"
    "    while data: data = data[os.write(3, data):]\n    os._exit(0)\n"
)

# fmt: off
CASES = [
    # files
    ("read_passwd", "open('/etc/passwd').read()", {"FORBIDDEN"}, None),
    ("read_secret", TOOLS + "report(attempt(open, 'PLAYGROUND/secret.txt'))", {"OK"}, REFUSED),
    ("list_home", TOOLS + "report(attempt(os.listdir, os.path.expanduser('~root')))", {"OK"}, "refused"),
    ("list_root", TOOLS + "report(attempt(os.listdir, '/'))", {"OK"}, REFUSED),
    ("proc_environ", TOOLS + "report(attempt(open, '/proc/self/environ'))", {"OK"}, REFUSED),
    ("proc_owner_environ", TOOLS + "report(attempt(open, '/proc/OWNER/environ'))", {"OK"}, REFUSED),
    ("proc_template_mem", TOOLS + "report(attempt(open, f'/proc/{os.getppid()}/mem', 'rb'))", {"OK"}, REFUSED),
    ("write_outside", TOOLS + "report(attempt(open, 'PLAYGROUND/new.txt', 'w'))", {"OK"}, REFUSED),
    ("append_outside", TOOLS + "report(attempt(open, 'PLAYGROUND/victim.txt', 'a'))", {"OK"}, REFUSED),
    ("truncate_outside", TOOLS + "report(attempt(os.truncate, 'PLAYGROUND/victim.txt', 0))", {"OK"}, REFUSED),
    ("unlink_outside", TOOLS + "report(attempt(os.unlink, 'PLAYGROUND/victim.txt'))", {"OK"}, REFUSED),
    ("rename_outside", TOOLS + "report(attempt(os.rename, 'PLAYGROUND/victim.txt', 'x'))", {"OK"}, "refused"),
    ("rename_into", TOOLS + "open('x', 'w'); report(attempt(os.rename, 'x', 'PLAYGROUND/new.txt'))", {"OK"}, "refused"),
    ("hard_link", TOOLS + "report(attempt(os.link, 'PLAYGROUND/secret.txt', 'x'))", {"OK"}, REFUSED),
    ("symlink", TOOLS + "report(attempt(os.symlink, 'PLAYGROUND/secret.txt', 'x'))", {"OK"}, REFUSED),
    ("chmod", TOOLS + "report(attempt(os.chmod, 'PLAYGROUND/victim.txt', 0))", {"OK"}, REFUSED),
    ("utime", TOOLS + "report(attempt(os.utime, 'PLAYGROUND/victim.txt', (0, 0)))", {"OK"}, REFUSED),
    ("mkfifo", TOOLS + "report(attempt(os.mkfifo, 'PLAYGROUND/new.txt'))", {"OK"}, REFUSED),
    ("open_parent_folder", TOOLS + "report(attempt(os.open, '..', os.O_RDONLY))", {"OK"}, REFUSED),
    ("neighbours_folder", TOOLS + "report(attempt(os.listdir, os.path.dirname(os.getcwd())))", {"OK"}, REFUSED),
    (
        "font_path_dotdot",
        TOOLS + "from PIL import ImageFont\n"
        "report(attempt(ImageFont.truetype, '/usr/share/fonts/../../../PLAYGROUND/secret.txt'))",
        {"OK"},
        "refused",
    ),
    ("savefig_outside", FIGURE + "plt.savefig('PLAYGROUND/new.png')", {"OK"}, "fine"),  # captured, not written
    ("image_save_outside", "from PIL import Image\nImage.linear_gradient('L').save('PLAYGROUND/new.png')", {"OK"}, None),
    ("numpy_load_outside", "import numpy as np\nnp.load('PLAYGROUND/secret.txt')", {"FORBIDDEN"}, None),
    ("picture_outside", "from PIL import Image\nImage.open('PLAYGROUND/picture.png').show()", {"FORBIDDEN"}, None),
    ("imread_outside", "import matplotlib.pyplot as plt\nplt.imread('PLAYGROUND/picture.png')", {"FORBIDDEN"}, None),
    ("import_from_outside", "import sys\nsys.path.insert(0, 'PLAYGROUND')\nimport stolen", {"RUNTIME_ERROR", "FORBIDDEN"}, None),
    # processes
    ("os_system", TOOLS + "report(os.system('touch PLAYGROUND/new.txt') != 0)", {"OK"}, "True"),
    ("subprocess", "import subprocess\nsubprocess.run(['touch', 'PLAYGROUND/new.txt'])", {"FORBIDDEN"}, None),
    ("execve", "import os\nos.execv('/bin/sh', ['sh', '-c', 'touch PLAYGROUND/new.txt'])", {"FORBIDDEN"}, None),
    ("posix_spawn", "import os\nos.posix_spawn('/bin/sh', ['sh'], {})", {"FORBIDDEN"}, None),
    ("fork_bomb", TOOLS + "report(*{attempt(os.fork) for _ in range(1000)})", {"OK"}, REFUSED),
    ("double_fork", TOOLS + "report(attempt(os.fork), attempt(os.setsid))", {"OK"}, REFUSED),
    (
        "thread_bomb",
        TOOLS + "import threading, time\n"
        "report(*{attempt(threading.Thread(target=time.sleep, args=(60,)).start) for _ in range(1000)})",
        {"OK"},
        "refused RuntimeError",
    ),
    ("multiprocessing", "import multiprocessing\nmultiprocessing.Process(target=print).start()", {"FORBIDDEN"}, None),
    ("kill_template", TOOLS + "report(attempt(os.kill, os.getppid(), 9))", {"OK"}, REFUSED),
    ("kill_owner", TOOLS + "report(attempt(os.kill, OWNER, 9))", {"OK"}, REFUSED),
    ("kill_all", TOOLS + "report(attempt(os.kill, -1, 9))", {"OK"}, REFUSED),
    ("kill_group", TOOLS + "report(attempt(os.killpg, 1, 9))", {"OK"}, REFUSED),
    # network
    ("connect", "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:PORT/')", {"FORBIDDEN"}, "not permitted"),
    ("socket", "import socket\nsocket.create_connection(('127.0.0.1', PORT))", {"FORBIDDEN"}, None),
    ("unix_socket", "import socket\nsocket.socket(socket.AF_UNIX).connect('PLAYGROUND/server')", {"FORBIDDEN"}, None),
    ("name_lookup", "import socket\nsocket.gethostbyname('example.com')", {"FORBIDDEN"}, None),
    # limits
    ("endless_loop", "while True: pass", {"TIMEOUT"}, None),
    (
        "swallows_everything",
        "while True:\n try:\n  while True: pass\n except BaseException: pass",
        {"TIMEOUT"},
        None,
    ),
    (
        "ignores_signals",
        "import signal\nfor n in range(1, 65):\n try: signal.signal(n, signal.SIG_IGN)\n except (OSError, ValueError): pass\n"
        "while True: pass",
        {"TIMEOUT"},
        None,
    ),
    ("sleep", "import time\ntime.sleep(1000)", {"TIMEOUT"}, None),
    ("loop_in_c", "sum(range(10**12))", {"TIMEOUT"}, None),
    ("huge_power", "x = 9 ** 9 ** 9", {"TIMEOUT", "MEMORY"}, None),
    ("regex", "import re\nre.match('(a+)+$', 'a' * 99 + 'b')", {"TIMEOUT"}, None),
    ("allocates_4gb", "x = bytearray(4 << 30)", {"MEMORY"}, None),
    ("allocates_slowly", "x = []\nwhile True: x.append(bytes(1 << 20))", {"MEMORY", "TIMEOUT"}, None),  # a page takes 3 us on some machines
    ("numpy_64gb", "import numpy as np\nnp.ones(1 << 33)", {"MEMORY"}, None),
    ("figure_2000_inch", "import matplotlib.pyplot as plt\nplt.figure(figsize=(2000, 2000)); plt.show()", {"BAD_SIZE"}, None),
    ("figure_nan", "import matplotlib.pyplot as plt\nplt.figure(figsize=(float('nan'), 3)); plt.show()", {"RUNTIME_ERROR"}, None),
    ("far_annotation", FIGURE + "plt.text(1e9, 1e9, 'x'); plt.savefig('x', bbox_inches='tight')", {"BAD_SIZE", "MEMORY", "RUNTIME_ERROR"}, None),
    ("image_30000", "from PIL import Image\nImage.new('L', (30000, 30)).show()", {"BAD_SIZE"}, None),
    (
        "deep_recursion",
        "import sys\nsys.setrecursionlimit(10**9)\nclass A:\n def __repr__(self): return repr(self)\n"
        "def f(n): return f(n + 1) + repr([n])\nimport functools\nf = functools.lru_cache(None)(f)\nf(0)",
        {"CRASH", "RUNTIME_ERROR", "MEMORY"},
        None,
    ),
    (
        "raises_limits",
        TOOLS + "import resource as r\n"
        "report(*[attempt(r.setrlimit, n, (-1, -1)) for n in (r.RLIMIT_CPU, r.RLIMIT_AS, r.RLIMIT_NPROC)])",
        {"OK"},
        "refused",
    ),
    # the kernel's limit on a file and the owner's look at the folder: whichever comes first
    ("big_file", "open('x', 'wb').write(bytes(40 << 20))", {"RUNTIME_ERROR", "MEMORY"}, ("too large", "scratch_mb")),
    (
        "many_files",
        "import itertools\nfor n in itertools.count(): open(f'f{n}', 'wb').write(bytes(1 << 20))",
        {"MEMORY"},
        "scratch_mb",
    ),
    ("many_empty_files", "import itertools\nfor n in itertools.count(): open(f'f{n}', 'w')", {"MEMORY", "TIMEOUT"}, None),
    ("many_descriptors", "x = [open('/dev/urandom') for _ in range(1000)]", {"RUNTIME_ERROR"}, "Too many open files"),
    ("folders", TOOLS + "import posix; os.mkdir('a'); report(attempt(posix.stat, 'a'))", {"OK"}, "refused FileNotFoundError"),
    # interpreter
    ("obfuscated_import", "getattr(__import__('o' + 's'), 'system')('touch PLAYGROUND/new.txt')", {"NO_IMAGE"}, None),
    (
        "search_for_secret",
        TOOLS + "import gc\nfound = [o for o in gc.get_objects() if isinstance(o, dict) and 'swordfish' in repr(o.values())]\n"
        "found = [f for f in found if '7391' in repr(f) and f is not globals()]\n"
        "report('found', len(found), os.environ.get('MMZERO_SECRET'))",
        {"OK"},
        "found 0 None",
    ),
    ("environment", TOOLS + "report(*sorted(os.environ))", {"OK"}, "HOME LC_ALL MPLCONFIGDIR PATH TMPDIR"),
    ("arguments", TOOLS + "report(sys.argv)", {"OK"}, "['snippet.py']"),
    ("faulthandler", FIGURE + "import faulthandler\nfaulthandler.dump_traceback_later(1)\nplt.show()", {"FORBIDDEN", "OK", "RUNTIME_ERROR"}, None),
    ("settrace", FIGURE + "import sys\nsys.settrace(lambda *a: 1 / 0)\nplt.show()", {"OK", "RUNTIME_ERROR"}, None),
    ("replaces_savefig", FIGURE + "plt.savefig = plt.show = print", {"OK"}, "fine"),
    ("usetex", "import matplotlib.pyplot as plt\nplt.rcParams['text.usetex'] = True\n" + FIGURE + "plt.show()", {"FORBIDDEN", "RUNTIME_ERROR"}, None),
    ("changes_rcparams", FIGURE + "plt.rcParams['axes.facecolor'] = 'black'; plt.show()", {"OK"}, "fine"),
    ("null_pointer", "import ctypes\nctypes.string_at(0)", {"CRASH"}, "SIGSEGV"),
    ("abort", "import os\nos.abort()", {"CRASH"}, None),
    ("exits_at_once", "import os\nos._exit(0)", {"CRASH"}, "exit status 0"),
    ("hostile_exception", "class E(Exception):\n def __str__(self): raise SystemExit\nraise E", {"CRASH", "RUNTIME_ERROR"}, None),
    ("deletes_builtins", "import builtins\nvars(builtins).clear()", {"CRASH", "RUNTIME_ERROR", "NO_IMAGE"}, None),
    ("breaks_pillow", "from PIL import Image\nImage.Image.convert = Image.Image.tobytes = None\nx = Image.new('RGB', (99, 99))", {"RUNTIME_ERROR"}, None),
    ("no_picture", "print('hello')", {"NO_IMAGE"}, None),
    ("blank_picture", "from PIL import Image\nImage.new('RGB', (99, 99), 'white').show()", {"BLANK"}, None),
    ("thin_picture", "from PIL import Image\nImage.linear_gradient('L').resize((1000, 30)).show()", {"BAD_SIZE"}, None),
    ("not_python", "def f(:", {"SYNTAX_ERROR"}, None),
    ("null_byte", "x = 1\0", {"SYNTAX_ERROR"}, None),
    ("deep_expression", "x = " + "(" * 5000 + ")" * 5000, {"SYNTAX_ERROR"}, None),
    ("deep_unary", "x = " + "-" * 30000 + "1", {"SYNTAX_ERROR", "CRASH"}, None),
    # the result channel
    ("inherited_descriptors", TOOLS + "report([n for n in range(200) if not attempt(os.fstat, n).startswith('refused')])", {"OK"}, "[0, 1, 2, 3]"),
    ("floods_stdout", "import os\nfor _ in range(1024): os.write(1, bytes(1 << 20))", {"NO_IMAGE"}, None),
    ("floods_stderr", "import os\nfor _ in range(1024): os.write(2, bytes(1 << 20))", {"NO_IMAGE"}, None),
    ("floods_channel", "import os\nfor _ in range(1024): os.write(3, bytes(1 << 20))", {"CRASH", "RUNTIME_ERROR"}, "not a result"),
    ("closes_channel", "import os\nos.close(3)\nwhile True: pass", {"CRASH"}, "closed its result channel"),
    ("reads_channel", "import os\nos.read(3, 100)", {"TIMEOUT"}, None),
    ("huge_size", "import os, struct\nos.write(3, struct.pack('<4sBIIIII', b'MMZ1', 0, 60000, 60000, 0, 0, 0)); os._exit(0)", {"CRASH"}, "60000 x 60000"),
    ("huge_message", "import os, struct\nos.write(3, struct.pack('<4sBIIIII', b'MMZ1', 5, 0, 0, 0, 0, 1 << 31)); os._exit(0)", {"CRASH"}, "message of"),
    ("huge_text", "import os, struct\nos.write(3, struct.pack('<4sBIIIII', b'MMZ1', 5, 0, 0, 1 << 31, 0, 0)); os._exit(0)", {"CRASH"}, "bytes of text"),
    ("huge_answers", "import os, struct\nos.write(3, struct.pack('<4sBIIIII', b'MMZ1', 5, 0, 0, 0, 1 << 31, 0)); os._exit(0)", {"CRASH"}, "bytes of answers"),
    ("unknown_status", "import os, struct\nos.write(3, struct.pack('<4sBIIIII', b'MMZ1', 99, 0, 0, 0, 0, 0)); os._exit(0)", {"CRASH"}, "unknown status"),
    ("ok_without_pixels", "import os, struct\nos.write(3, struct.pack('<4sBIIIII', b'MMZ1', 0, 0, 0, 0, 0, 0)); os._exit(0)", {"CRASH"}, "0 x 0"),
    ("cut_off_result", "import os, struct\nos.write(3, struct.pack('<4sBIIIII', b'MMZ1', 0, 99, 99, 0, 0, 0) + bytes(99)); os._exit(0)", {"CRASH"}, None),
    ("too_much", "import os, struct\nos.write(3, struct.pack('<4sBIIIII', b'MMZ1', 5, 0, 0, 0, 0, 0) + b'more'); os._exit(0)", {"CRASH"}, "more came"),
    ("png_instead", "import os\nos.write(3, b'\\x89PNG\\r\\n\\x1a\\n' + bytes(99)); os._exit(0)", {"CRASH"}, "not a result"),
    ("stalls_in_result", "import os, struct, time\nos.write(3, struct.pack('<4sBIIIII', b'MMZ1', 0, 99, 99, 0, 0, 0)); time.sleep(99)", {"TIMEOUT"}, None),
]
# fmt: on
