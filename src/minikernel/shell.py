"""IPython that runs cells and keeps what they show, as a notebook would record it.

The outputs are notebook outputs (nbformat 4): stream, display_data, execute_result, error.
"""

import ast
import base64
import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from minikernel.messages import Output

STREAM_BYTES = 1_000_000  # of text that a cell may print
RICH_BYTES = 8_000_000  # of pictures and the like that it may show


@dataclass
class StreamText:
    """What was printed to a stream without anything else in between."""

    name: str
    text: io.StringIO = field(default_factory=io.StringIO)

    def output(self) -> Output:
        """Return it as a notebook has it."""
        return {"output_type": "stream", "name": self.name, "text": self.text.getvalue()}


class OutputRecorder:
    """The outputs of the current cell, in order and limited in size."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._outputs: list[Output | StreamText] = []
        self._left = {"stream": STREAM_BYTES, "rich": RICH_BYTES}
        self._cut: set[str] = set()
        self._clear_next = False

    def take(self) -> list[Output]:
        """Return what was recorded and begin anew."""
        outputs = self._outputs
        self._start()
        return [part.output() if isinstance(part, StreamText) else part for part in outputs]

    def stream(self, name: str, text: str) -> None:
        """Add text to the stream ``name``; text of one stream in a row is one output."""
        left = self._left["stream"]
        self._left["stream"] = max(left - len(text), 0)
        if text[:left]:
            self._append(name, text[:left])
        if len(text) > left:
            self._note("stream", f"\n[only the first {STREAM_BYTES:,} characters are kept]\n")

    def _append(self, name: str, text: str) -> None:
        self._before_output()
        last = self._outputs[-1] if self._outputs else None
        if not (isinstance(last, StreamText) and last.name == name):
            last = StreamText(name)
            self._outputs.append(last)
        last.text.write(text)

    def rich(self, output: Output) -> None:
        """Add a picture, a result or an error."""
        size = sum(len(str(part)) for part in output.get("data", {}).values())
        self._before_output()
        if size > self._left["rich"]:
            self._note("rich", "[more pictures or results than are kept]\n")
            return
        self._left["rich"] -= size
        self._outputs.append(output)

    def clear(self, wait: bool) -> None:
        """Drop the outputs so far, at once or when the next one comes."""
        if wait:
            self._clear_next = True
        else:
            self._outputs.clear()

    def _before_output(self) -> None:
        if self._clear_next:
            self._outputs.clear()
            self._clear_next = False

    def _note(self, what: str, text: str) -> None:
        """Add, once, that something was left out."""
        if what not in self._cut:
            self._cut.add(what)
            self._append("stdout", text)


class Stream(io.TextIOBase):
    """``sys.stdout`` or ``sys.stderr`` of a kernel."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, name: str, recorder: OutputRecorder):
        self.name = name
        self._recorder = recorder

    def write(self, text: str) -> int:
        """Record ``text``."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._recorder.stream(self.name, text)
        return len(text)

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the descriptor that subprocesses may write to."""
        return 1 if self.name == "stdout" else 2


class OutputPublisher(DisplayPublisher):
    """Records what is displayed."""

    recorder: OutputRecorder

    def publish(self, data: Any, metadata: Any = None, *args: Any, **kwargs: Any) -> None:
        """Record a display; an update of an earlier one becomes another display."""
        self.recorder.rich(
            {"output_type": "display_data", "data": _plain(data), "metadata": metadata or {}}
        )

    def clear_output(self, wait: bool = False) -> None:
        """Drop the cell's outputs."""
        self.recorder.clear(wait)


class Hook(DisplayHook):
    """Records the value of a cell's last expression."""

    recorder: OutputRecorder

    def write_output_prompt(self) -> None:
        """Write no prompt: a notebook has the number beside the output."""

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        """Record the value in all its formats."""
        self.recorder.rich(
            {
                "output_type": "execute_result",
                "execution_count": self.prompt_count,
                "data": _plain(format_dict),
                "metadata": md_dict or {},
            }
        )

    def finish_displayhook(self) -> None:
        """Do nothing, as there is no line to end."""


class Shell(InteractiveShell):
    """IPython whose outputs are recorded."""

    recorder: OutputRecorder
    failed_in: int | None = None  # the line in which the last cell failed
    displayhook_class = Hook
    display_pub_class = OutputPublisher

    @classmethod
    def make(cls) -> "Shell":
        """Return the shell of the process, without a history file and without threads."""
        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "linux"  # as a kernel of Jupyter has it
        config.InteractiveShell.autocall = 0
        shell = cls.instance(config=config)
        shell.recorder = OutputRecorder()
        shell.displayhook.recorder = shell.recorder  # type: ignore[attr-defined]
        shell.display_pub.recorder = shell.recorder  # type: ignore[attr-defined]
        return shell

    def transform_cell(self, raw_cell: str) -> str:
        """Return a cell as Python; several lines that are Python already stay as they are.

        IPython would cut every cell into tokens to look for magics.
        """
        if "\n" in raw_cell.strip() and not self.input_transformers_post:
            with contextlib.suppress(SyntaxError, ValueError):
                ast.parse(raw_cell)
                return raw_cell
        transformed: str = super().transform_cell(raw_cell)
        return transformed

    def should_run_async(self, raw_cell: str, **more: Any) -> bool:
        """Return whether a cell awaits something; IPython would compile every cell to find out."""
        if not any(word in raw_cell for word in ("await", "async")):
            return False
        return bool(super().should_run_async(raw_cell, **more))

    def cell(self, source: str) -> list[Output]:
        """Run a cell to its end, whatever it does, and return its outputs.

        >>> Shell.make().cell("print('a', end='')")
        [{'output_type': 'stream', 'name': 'stdout', 'text': 'a'}]
        """
        with self.recording():
            result = self.run_cell(source, store_history=True)
        self.failed_in = _line_in(result.error_in_exec)
        return self.recorded()

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Record what is printed meanwhile, also by C code and by other processes."""
        streams = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = Stream("stdout", self.recorder), Stream("stderr", self.recorder)
        try:
            yield
        finally:
            sys.stdout, sys.stderr = streams
            self.recorder.stream("stdout", DESCRIPTORS.read())

    def recorded(self) -> list[Output]:
        """Return the outputs since the last call."""
        return self.recorder.take()

    def _format_exception_for_storage(self, *_: Any, **__: Any) -> None:
        """Render no error for the history: it takes long, and nobody reads the history."""

    def _showtraceback(self, etype: Any, evalue: Any, stb: list[str]) -> None:
        self.recorder.rich(
            {
                "output_type": "error",
                "ename": str(getattr(etype, "__name__", etype)),
                "evalue": _short(evalue),
                "traceback": [str(line)[:20_000] for line in stb[:200]],
            }
        )

    def enable_gui(self, gui: Any = None) -> None:
        """Do nothing, as a kernel has no windows."""

    def ask_exit(self) -> None:
        """Stay: ``exit`` in a cell does not end a kernel."""


class Descriptors:
    """What subprocesses and C code write to descriptors 1 and 2, kept in an unnamed file."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None

    def capture(self) -> None:
        """Redirect descriptors 1 and 2 to the file, and read nothing from 0."""
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  (for the life of the process)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        for descriptor in (1, 2):
            os.dup2(self._file.fileno(), descriptor)

    def read(self) -> str:
        """Return the beginning of what was written since the last call."""
        if self._file is None:
            return ""
        try:
            raw = _drained(self._file.fileno())
        except OSError:  # closed by the cell
            return ""
        return raw.decode("utf-8", errors="replace")


DESCRIPTORS = Descriptors()


def _drained(descriptor: int) -> bytes:
    """Return the beginning of a file, and empty it."""
    if not os.lseek(descriptor, 0, os.SEEK_CUR):
        return b""
    raw = os.pread(descriptor, STREAM_BYTES + 1, 0)
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return raw


def _plain(data: Any) -> dict[str, Any]:
    """Return a display by MIME type as JSON has it, with pictures in base64."""
    return {
        str(kind): base64.b64encode(part).decode() if isinstance(part, bytes) else part
        for kind, part in dict(data).items()
    }


def _line_in(error: BaseException | None) -> int | None:
    """Return the line of the cell, counted from 1, that an error went through."""
    step = error.__traceback__ if error else None
    while step:
        code = step.tb_frame.f_code
        if code.co_name == "<module>" and "ipython" in code.co_filename:
            return step.tb_lineno
        step = step.tb_next
    return None


def _short(value: Any) -> str:
    try:
        return str(value)[:20_000]
    except Exception:  # an error whose text is an error
        return ""
