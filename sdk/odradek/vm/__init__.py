"""The handler's side of the service protocol as a machine without I/O: journal in, operations checked, messages out.

Nothing here knows asyncio, a clock, threads or logging; `odradek.driver` supplies them.
"""

from odradek.vm.machine import Closing, Machine
from odradek.vm.waiting import Wait

__all__ = ["Closing", "Machine", "Wait"]
