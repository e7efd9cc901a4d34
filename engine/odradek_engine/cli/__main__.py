"""`python -m odradek_engine.cli` is `odradek`."""

from odradek_engine.cli import main

main()
