"""What upstreams' answers teach of windows and of counts, shared by all who share the decisions."""

from __future__ import annotations

import asyncio

import msgspec

from foveate.proxy.pruning.limits.calibration import Calibration
from foveate.proxy.pruning.limits.windows import Windows
from foveate.proxy.pruning.memory import Memory

PERIOD = 1.0  # seconds between telling others, and hearing from them
MOST = 1000  # lessons that wait to be told


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """The upstream has named a window to a caller who had sent so many tokens."""

    model: str
    caller: str
    window: int
    sent: int

    def teach(self, windows: Windows, calibration: Calibration, ago: float = 0.0) -> bool:
        """Take it in; say whether it was news."""
        return windows.learned.refused(self.model, self.caller, self.window, self.sent, ago)


class Accepted(msgspec.Struct, frozen=True, tag="accepted"):
    """The upstream has answered a prompt of so many tokens."""

    model: str
    caller: str
    tokens: int

    def teach(self, windows: Windows, calibration: Calibration, ago: float = 0.0) -> bool:
        """Take it in; say whether it was news."""
        return windows.learned.accepted(self.model, self.caller, self.tokens)


class Counted(msgspec.Struct, frozen=True, tag="counted"):
    """The upstream has counted a prompt whose tokens we had estimated."""

    key: tuple[str, str, str]  # model, tokenizer and caller
    estimated: int
    counted: int
    exact: bool

    def teach(self, windows: Windows, calibration: Calibration, ago: float = 0.0) -> bool:
        """Take it in; say whether it was news."""
        return calibration.observe(self.key, self.estimated, self.counted, self.exact)


Lesson = Refused | Accepted | Counted
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Lesson)


def unheard(lesson: Lesson) -> None:
    """Tell nobody."""


class Lessons:
    """Tells others what is learned here, and takes in what they tell, once a second; nothing where
    nobody shares the store.
    """

    def __init__(self, memory: Memory, windows: Windows, calibration: Calibration) -> None:
        self._memory = memory
        self._windows = windows
        self._calibration = calibration
        self._untold: list[bytes] = []
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to tell and to hear."""
        self._task = asyncio.create_task(self._run())

    def follow(self, memory: Memory, windows: Windows) -> None:
        """Go on with others, after a change of the settings."""
        self._memory, self._windows = memory, windows

    async def aclose(self) -> None:
        """Tell what waits, and end."""
        if self._task is not None:
            self._task.cancel()
        if self._untold:
            await self._exchanged()

    def tell(self, lesson: Lesson) -> None:
        """Have others learn it too, in a moment."""
        if self._memory.shared and len(self._untold) < MOST:
            self._untold.append(_encoder.encode(lesson))

    async def _run(self) -> None:
        while True:
            if self._memory.shared:
                await self._exchanged()
            await asyncio.sleep(PERIOD)

    async def _exchanged(self) -> None:
        told, self._untold = self._untold, []
        for ago, lesson in await self._memory.exchange(told):
            try:
                known = _decoder.decode(lesson)
            except msgspec.MsgspecError:  # another version's
                continue
            known.teach(self._windows, self._calibration, ago)
