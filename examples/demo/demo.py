"""The main job before your eyes: payments go from the console through a topic into accounts, each of them once.

With half of them in the topic the node is killed with SIGKILL, and started again. The exit code is 0 only if every
payment is then found in its account, once, over HTTP and by SQL alike.
"""

from __future__ import annotations

import argparse
import contextlib
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from books import Books, table, write_payments
from node_process import DemoFailed, Node, start_odradek

EVENTS_MAX: Final = 1_000_000
STILL_SECONDS_MAX: Final = 40.0
"""The demo fails where nothing has moved for so long."""
CONNECT_SECONDS_MAX: Final = 5.0
KAFKA_SECONDS_MAX: Final = 20.0
REDRAW_SECONDS: Final = 0.1
BAR_WIDTH: Final = 30
ERASE_LINE: Final = "\r\x1b[K"

THROUGH: Final = (
    "SELECT SUM(CAST(value_utf8 AS BIGINT)) AS n FROM state WHERE service_name = 'Account' AND key = 'deposits'"
)
UNFINISHED: Final = "SELECT COUNT(*) AS n FROM sys_invocation WHERE status != 'completed'"
STATE: Final = "SELECT service_key, key, value_utf8 FROM state WHERE service_name = 'Account'"


def run(events: int, brokers: str | None, directory: Path) -> bool:
    """The whole demo; whether every payment was found, once."""
    cluster_name = f"demo-{secrets.token_hex(4)}"
    topic = f"{cluster_name}-payments" if brokers else "payments"
    payments = directory / "payments.txt"
    expected = write_payments(payments, events)
    node = Node(directory, brokers, cluster_name)
    try:
        say(f"A node starts on {f'Kafka at {brokers}' if brokers else 'the embedded log'}, data in {directory}")
        print(f"ready after {node.start():.1f} s: ingress {node.ingress_url}, admin {node.admin_url}")

        say(f"The topic {topic} is created, and subscribed to the handler Account/deposit")
        partitions = node.post("/topics", {"name": topic})["partitions"]
        link = {"source": f"kafka://local/{topic}", "sink": "service://Account/deposit"}
        subscription = node.post("/subscriptions", link)["id"]
        print(f"{partitions} partitions, subscription {subscription}")

        say(f"{events:,} payments go from the console into the topic: odradek produce {topic}")
        began = time.monotonic()
        away_s = produce_across_a_kill(node, topic, payments, events)

        say("All payments go through")
        wait_until_through(node, subscription, events)
        took_s = time.monotonic() - began

        say("The accounts are read back")
        over_http, by_sql = read_over_http(node, expected.cents), read_by_sql(node)
        print(table(expected, over_http, by_sql))
        print(f"\n{events / took_s:,.0f} payments a second from the console into the accounts, the kill included:")
        print(f"{took_s:.1f} s, of which the node was away for {away_s:.1f} s")
        return over_http == expected == by_sql
    finally:
        node.kill()
        if brokers:
            delete_topics(brokers, f"{cluster_name}.", topic)


def produce_across_a_kill(node: Node, topic: str, payments: Path, events: int) -> float:
    """Produces all payments, and kills the node with half of them in the topic; for how many seconds it was away."""
    command = ["--admin-url", node.admin_url, "produce", topic, "--file", str(payments), "--separator", ":"]
    with start_odradek(command) as producer:
        try:
            through, there = wait_for_half(node, topic, events, producer)
            say(f"SIGKILL to the node, with {there:,} payments in the topic and {through:,} of them in the accounts")
            killed_at = time.monotonic()
            node.kill()
            node.start()
            away_s = time.monotonic() - killed_at
            print(f"the node was started again, and is ready after {away_s:.1f} s", flush=True)
            if producer.wait() != 0:
                raise DemoFailed("odradek produce gave up; it says why above")
            return away_s
        finally:
            producer.kill()


def wait_for_half(node: Node, topic: str, events: int, producer: subprocess.Popen[bytes]) -> tuple[int, int]:
    """Returns as soon as half of the events are in the topic: how many are through, and how many are there."""
    while True:
        through = node.count(THROUGH)
        there = sum(each["end"] - each["begin"] for each in node.get(f"/topics/{topic}")["offsets"])
        if there * 2 >= events:
            return through, there
        if producer.poll():
            raise DemoFailed("odradek produce gave up; it says why above")


def wait_until_through(node: Node, subscription: str, events: int) -> None:
    """Returns when the subscription has nothing left to take, and all that it took has been handled."""
    through, moved_at = -1, time.monotonic()
    while node.get(f"/subscriptions/{subscription}")["lag"] != 0 or node.count(UNFINISHED):
        seen = node.count(THROUGH)
        if seen != through:
            through, moved_at = seen, time.monotonic()
            show_progress(through, events)
        elif time.monotonic() - moved_at > STILL_SECONDS_MAX:
            raise DemoFailed(f"nothing has moved for {STILL_SECONDS_MAX:g} s: {through:,} of {events:,} are through")
        time.sleep(REDRAW_SECONDS)
    show_progress(node.count(THROUGH), events, final=True)


def show_progress(through: int, events: int, *, final: bool = False) -> None:
    """One line, drawn anew on a terminal; elsewhere only the final one is printed."""
    on_terminal = sys.stdout.isatty()
    if on_terminal or final:
        share = min(through / events, 1.0)
        bar = f"{'#' * round(share * BAR_WIDTH):.<{BAR_WIDTH}}"
        line = f"Account/deposit  [{bar}] {share:4.0%}  {through:,} payments"
        print(f"{ERASE_LINE if on_terminal else ''}{line}", end="\n" if final else "", flush=True)


def read_over_http(node: Node, accounts: Iterable[str]) -> Books:
    """The accounts, one request each."""
    books = Books()
    for account in accounts:
        state = node.get(f"/services/Account/state/{account}")
        books.deposits[account], books.cents[account] = state.get("deposits", 0), state.get("balance", 0)
    return books


def read_by_sql(node: Node) -> Books:
    """All accounts in one query."""
    books = Books()
    for row in node.sql(STATE):
        column = {"deposits": books.deposits, "balance": books.cents}[row["key"]]
        column[row["service_key"]] = int(row["value_utf8"])
    return books


def say(text: str) -> None:
    """Announces a phase."""
    print(f"\n==> {text}", flush=True)


def check_brokers(brokers: str) -> None:
    """Raises unless something listens at one of them."""
    for broker in brokers.split(","):
        host, _, port = broker.strip().rpartition(":")
        with contextlib.suppress(OSError, ValueError):
            socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS_MAX).close()
            return
    raise DemoFailed(f"no Kafka answers at {brokers}: start one, or leave the brokers out to use the embedded log")


def delete_topics(brokers: str, prefix: str, topic: str) -> None:
    """Leaves nothing behind on the Kafka cluster."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({"bootstrap.servers": brokers})
    try:
        there = admin.list_topics(timeout=KAFKA_SECONDS_MAX).topics
        ours = [name for name in there if name == topic or name.startswith(prefix)]
        for deleted in admin.delete_topics(ours).values() if ours else ():
            deleted.result(timeout=KAFKA_SECONDS_MAX)
    except KafkaException as error:
        print(f"the topics {topic} and {prefix}* may still be there: {error}", file=sys.stderr)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Payments into accounts, with a node killed on the way.")
    parser.add_argument("--events", type=int, default=10_000, help="payments to produce (default: 10000)")
    parser.add_argument("--brokers", metavar="HOST:PORT", help="keep the log on this Kafka (default: embedded)")
    parser.add_argument("--keep", action="store_true", help="keep the data directory")
    arguments = parser.parse_args()
    if not 1 <= arguments.events <= EVENTS_MAX:
        parser.error(f"--events must be between 1 and {EVENTS_MAX:,}")
    return arguments


def main() -> int:
    arguments = read_arguments()
    directory = Path(tempfile.mkdtemp(prefix="odradek-demo-"))
    try:
        if arguments.brokers:
            check_brokers(arguments.brokers)
        held = run(arguments.events, arguments.brokers, directory)
    except DemoFailed as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted", file=sys.stderr)
        return 130
    finally:
        if arguments.keep:
            print(f"kept: {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)
    print("\nEvery payment is in its account, once." if held else "\nThe accounts are wrong.")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
