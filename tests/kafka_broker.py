"""A real Kafka broker for tests, benchmarks and demos, from Maven's jars: no container daemon is needed.

As a program it starts one broker, prints `host:port` and runs until it is told to stop, or its standard input closes
(with `--until-stdin-closes`, so that it ends with whoever started it, however that ends). On Linux the broker never
outlives the program. The jars are fetched once into `$ODRADEK_CACHE/kafka`, by default `.cache/kafka` of the project.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from free_ports import free_ports
from parent_death import die_with_parent

KAFKA_VERSION = "4.1.0"
START_SECONDS_MAX = 90.0
START_ATTEMPTS = 3
STOP_SECONDS_MAX = 15.0
JAVA_OPTIONS = ("-Xmx512m", "-XX:+UseSerialGC")

_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>odradek</groupId><artifactId>test-broker</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
      <version>{KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId>
      <version>{KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId>
      <version>2.24.3</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId>
      <version>2.24.3</version></dependency>
  </dependencies>
</project>
"""

_PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
num.partitions=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
group.initial.rebalance.delay.ms=0
"""


class BrokerUnavailable(Exception):
    """No broker can be started here; the text says why."""


def missing_tools() -> str | None:
    """What a broker from jars lacks on this machine, None where it lacks nothing."""
    if shutil.which("java") is None:
        return "java is not installed"
    if shutil.which("mvn") is None and not _libs().is_dir():
        return f"mvn is not installed and {_libs()} is not there"
    return None


@contextlib.contextmanager
def running_broker() -> Iterator[str]:
    """Runs a broker as a child that cannot outlive this process; its `host:port`."""
    command = [sys.executable, __file__, "--until-stdin-closes"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        try:
            if not address:
                raise BrokerUnavailable("the broker did not start; its output is above")
            yield address
        finally:
            process.stdin.close()
            try:
                process.wait(2 * STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()


def _libs() -> Path:
    project = Path(__file__).resolve().parent.parent
    return Path(os.environ.get("ODRADEK_CACHE", project / ".cache")) / "kafka" / KAFKA_VERSION


def _fetch_jars() -> Path:
    """The directory with the broker's jars; Maven fetches them the first time."""
    libs = _libs()
    if libs.is_dir():
        return libs
    libs.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=libs.parent) as scratch:
        (Path(scratch) / "pom.xml").write_text(_POM)
        copy = ["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=libs", "-f", "pom.xml"]
        done = subprocess.run(copy, cwd=scratch, stdout=sys.stderr, check=False)
        if done.returncode != 0:
            raise BrokerUnavailable("mvn could not fetch the broker's jars")
        with contextlib.suppress(OSError):  # another process was faster
            (Path(scratch) / "libs").rename(libs)
    return libs


@contextlib.contextmanager
def broker_process() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Runs a broker on free ports with data of its own; its address and process."""
    libs = _fetch_jars()
    with tempfile.TemporaryDirectory(prefix="odradek-kafka-") as scratch:
        for attempt in range(1, START_ATTEMPTS + 1):
            directory = Path(scratch) / str(attempt)
            process, port = _start(libs, directory)
            try:
                if _answers(process, port):
                    yield f"127.0.0.1:{port}", process
                    return
                sys.stderr.write((directory / "output").read_text(errors="replace")[-4000:])
            finally:
                _stop(process)
    raise BrokerUnavailable("the broker did not start")


def _start(libs: Path, directory: Path) -> tuple[subprocess.Popen[bytes], int]:
    directory.mkdir()
    port, controller_port = free_ports(2)
    properties = directory / "server.properties"
    properties.write_text(_PROPERTIES.format(port=port, controller_port=controller_port, data=directory / "data"))
    java = ["java", *JAVA_OPTIONS, "-cp", f"{libs}/*"]
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "x")
    form = [*java, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)]
    subprocess.run(form, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    with (directory / "output").open("wb") as output:
        run = [*java, "kafka.Kafka", str(properties)]
        process = subprocess.Popen(run, cwd=directory, stdout=output, stderr=output, preexec_fn=die_with_parent)
    return process, port


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Waits until the broker answers; False if it ended or took too long."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0})
            if admin.list_topics(timeout=5).brokers:
                return True
        except (OSError, KafkaException):
            time.sleep(0.1)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main() -> None:
    """Runs a broker until told to stop."""
    parser = argparse.ArgumentParser(description="Starts a Kafka broker and prints its address.")
    parser.add_argument("--until-stdin-closes", action="store_true", help="stop when standard input closes")
    arguments = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if arguments.until_stdin_closes:
        threading.Thread(target=_stop_at_end_of_input, args=(stop,), daemon=True).start()
    with broker_process() as (address, process):
        print(address, flush=True)
        while not stop.wait(0.5):
            if process.poll() is not None:
                sys.exit("the broker ended by itself")


def _stop_at_end_of_input(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


if __name__ == "__main__":
    try:
        main()
    except BrokerUnavailable as unavailable:
        sys.exit(str(unavailable))
