"""What the kernels of a fork server are to be like; it is told on its command line."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class KernelSettings:
    """How kernels are started, and what they may take.

    Attributes:
        kernel: what answers requests, as ``module:class``
        preload: code that is run before any kernel is forked; it may leave arrays in a dictionary
            ``shared``
        home: the working directory
        disk: bytes that each writable folder of an isolated kernel holds, and each of its files
        limited: bound memory, files and processes
        memory: bytes of address space beyond what the fork server has taken
        processes: processes and threads
        isolated: give each kernel namespaces and folders of its own, where Linux allows it, and
            refuse it rare system calls
        folders: are empty for each isolated kernel
        uid: of the user to become, where the fork server is started by root; 0: stay
        fonts: a folder with matplotlib's list of fonts, to be copied
    """

    kernel: str
    preload: str
    home: str
    disk: int = 200_000_000
    limited: bool = False
    memory: int = 0
    processes: int = 0
    isolated: bool = False
    folders: tuple[str, ...] = ()
    uid: int = 0
    fonts: str = ""

    def to_json(self) -> str:
        """Return the settings as one argument of a command.

        >>> settings = KernelSettings("minikernel.server:KernelServer", "", "/tmp")
        >>> KernelSettings.from_json(settings.to_json()) == settings
        True
        """
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "KernelSettings":
        """Return what ``to_json`` was given."""
        values = json.loads(text)
        return cls(**{**values, "folders": tuple(values["folders"])})
