"""wrk, with a script made for each load.

Its latencies are corrected as wrk does it: a stall also counts for the requests that it kept from being sent.
"""

from __future__ import annotations

import json
import math
import string
import subprocess
import tempfile

from bench.load.plan import REQUEST_SECONDS_MAX, Load, LoadFailed, Measured, children_cpu_seconds

_SCRIPT = string.Template("""
local requests = {}

function init(args)
  wrk.headers["content-type"] = "application/json"
  for key = 0, $keys - 1 do
    local path = string.gsub('$path', "{key}", key)
    local body = string.gsub('$body', "{key}", key)
    requests[key + 1] = wrk.format("POST", path, nil, body)
  end
  math.randomseed($keys)
end

function request()
  return requests[math.random(#requests)]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('{"requests": %d, "microseconds": %d, "failed": %d, "p50": %d, "p99": %d}\\n',
    summary.requests, summary.duration, failed, latency:percentile(50), latency:percentile(99)))
end
""")


def run(load: Load) -> Measured:
    """Runs a load; whole seconds, at least one, as wrk knows no others. Raises `LoadFailed`."""
    seconds = max(1, math.ceil(load.seconds))
    workload = load.workload
    script = _SCRIPT.substitute(keys=workload.keys, path=workload.path, body=workload.body)
    cpu = children_cpu_seconds()
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        options = ["-t1", f"-c{load.clients}", f"-d{seconds}s", f"--timeout={REQUEST_SECONDS_MAX}s", f"-s{file.name}"]
        command = ["wrk", *options, f"http://{load.host}:{load.port}"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise LoadFailed(f"wrk failed: {ended.stderr.strip() or ended.stdout.strip()}")
    result = json.loads(ended.stdout.splitlines()[-1])
    if result["requests"] == 0:
        raise LoadFailed(f"no answer within {seconds} s")
    lasted = result["microseconds"] / 1e6
    return Measured(
        requests=result["requests"],
        seconds=lasted,
        failed=result["failed"],
        p50_ms=result["p50"] / 1000,
        p99_ms=result["p99"] / 1000,
        generator_cpu=(children_cpu_seconds() - cpu) / lasted,
    )
