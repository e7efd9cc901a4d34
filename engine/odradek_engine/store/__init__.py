"""Tables on local disk: a port and its RocksDB adapter. The log is the truth; this is where it is read from fast."""
