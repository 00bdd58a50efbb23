"""What a snippet's process may read: the standard library, installed packages, shared libraries and fonts."""

import os
import sys
import sysconfig

FONTS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "/usr/share/fontconfig",
    "/etc/fonts",
    "/var/cache/fontconfig",
)
USER_FONTS = (".fonts", ".local/share/fonts", ".cache/fontconfig")
SYSTEM = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo", "/dev/urandom")
PACKAGE_FOLDERS = ("site-packages", "dist-packages")


def readable() -> list[str]:
    """Existing paths, without those inside others. Folders on sys.path that are not for installed packages (the
    caller's own code) are left out."""
    schemes = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib")]
    packages = [path for path in sys.path if os.path.basename(os.path.normpath(path)) in PACKAGE_FOLDERS]
    home = os.path.expanduser("~")
    own_fonts = [os.path.join(home, name) for name in USER_FONTS] if os.path.isabs(home) else []
    shared = [os.path.join(prefix, "lib") for prefix in {sys.base_prefix, sys.exec_prefix} if prefix != "/usr"]
    wanted = [*schemes, *packages, *FONTS, *own_fonts, *SYSTEM, *shared]
    found = sorted({os.path.realpath(path) for path in wanted if path and os.path.exists(path)})
    return [path for path in found if not any(path.startswith(other + os.sep) for other in found)]
