"""All parsers that are fuzzed."""

from __future__ import annotations

import fuzz_configuration
import fuzz_protocol
import fuzz_queries
import fuzz_records
import fuzz_source_records
import fuzz_texts

MODULES = (fuzz_records, fuzz_protocol, fuzz_texts, fuzz_configuration, fuzz_source_records, fuzz_queries)
TARGETS = tuple(target for module in MODULES for target in module.TARGETS)
