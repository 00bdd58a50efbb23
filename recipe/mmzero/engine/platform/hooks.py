"""Run a function once a module has been imported, without importing it.

The plug-in is loaded inside `import verl` in every process (driver, Ray workers, vLLM workers). Importing the trainer
or the FSDP engine there would cost seconds per process and freeze device names too early, so what depends on those
modules waits for whoever really needs them.
"""

import importlib.abc
import importlib.util
import sys
from collections.abc import Callable
from types import ModuleType


def after_import(name: str, action: Callable[[ModuleType], None]) -> None:
    """Call `action(module)` once the module `name` has been executed; at once if it already is imported.

    Errors raised by `action` propagate to the import statement that triggered it.
    """
    module = sys.modules.get(name)
    if module is not None and not getattr(module.__spec__, "_initializing", False):
        action(module)
    else:
        sys.meta_path.insert(0, _OneShotFinder(name, action))


class _OneShotFinder(importlib.abc.MetaPathFinder):
    def __init__(self, name: str, action: Callable[[ModuleType], None]):
        self.name, self.action = name, action

    def find_spec(self, fullname, path=None, target=None):
        if fullname != self.name:
            return None
        sys.meta_path.remove(self)  # one shot; also keeps the find_spec below from coming back here
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            self.action(module)

        spec.loader.exec_module = exec_module
        return spec
