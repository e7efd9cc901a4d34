"""Servers that are measured: ours on either log, and its peers; each as processes of their own on 127.0.0.1."""

from bench.servers.process import DidNotStart
from bench.servers.server import Server

__all__ = ["DidNotStart", "Server"]
