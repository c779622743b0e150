"""Serve the dashboard by several processes behind nginx, on this machine alone.

    .venv/bin/python -m deploy.serve
    .venv/bin/python -m deploy.serve --processes 4 --port 8500

run in the project's folder; nginx must be installed. Ctrl-C ends all of it. Each process reads the
weights from the same folder, and none writes there. See docs/many_users.md.
"""

import argparse
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
TEMPLATE = Path(__file__).parent / "nginx.conf"
START = 120.0
"""Seconds that the processes may take to answer."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal comes or nginx ends; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, default=8500, help="where visitors come to")
    parser.add_argument("--processes", type=int, default=2, help="of the dashboard; one a core")
    options = parser.parse_args(arguments)
    nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if nginx is None:
        print("nginx is not installed: on Debian, apt-get install nginx-light.", file=sys.stderr)
        return 1
    if options.processes < 1:
        print("--processes must be at least 1.", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    running: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory(prefix="pneumolens-") as folder:
        try:
            ports = free_ports(options.processes)
            running += start_dashboards(ports)
            wait_for(ports, running)
            config = Path(folder) / "nginx.conf"
            config.write_text(nginx_config(options.port, ports), encoding="utf-8")
            proxy = subprocess.Popen([nginx, "-p", folder, "-c", str(config)])
            running.append(proxy)
            print(f"PneumoLens: http://localhost:{options.port}", flush=True)
            return proxy.wait()
        except TimeoutError as error:
            print(f"{error}: see its messages above.", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 0
        finally:
            stop(running)


def nginx_config(port: int, ports: Sequence[int]) -> str:
    """The template filled in.

    Args:
        port: Where nginx listens, on the loopback address.
        ports: Where the dashboard's processes listen.

    Returns:
        The text of a configuration: process k is called "p<k>", in the cookie too.
    """
    names = [f"p{number}" for number in range(len(ports))]
    share = f"{100 / len(ports):.2f}%"
    upstreams = []
    for number, name in enumerate(names):
        others = [*ports[number + 1 :], *ports[:number]]
        servers = [f"server 127.0.0.1:{ports[number]} fail_timeout=5s;"]
        servers += [f"server 127.0.0.1:{other} backup;" for other in others]
        upstreams.append(f"  upstream {name} {{ {' '.join(servers)} }}")
    # The last takes what rounding leaves.
    shares = [f"    {share} {name};" for name in names[:-1]] + [f"    * {names[-1]};"]
    filled = {
        "@SHARES@": "\n".join(shares),
        "@KNOWN@": "\n".join(f"    {name} {name};" for name in names),
        "@GIVEN@": "\n".join(f'    {name} "";' for name in names),
        "@UPSTREAMS@": "\n".join(upstreams),
        "@LISTEN@": f"127.0.0.1:{port}",
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    for mark, value in filled.items():
        text = text.replace(mark, value)
    return text


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody listens on."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def start_dashboards(ports: Sequence[int]) -> list[subprocess.Popen[bytes]]:
    """One process of the dashboard for each port, all signing cookies with one secret."""
    environment = {"STREAMLIT_SERVER_COOKIE_SECRET": secrets.token_hex(32), **os.environ}
    started = []
    for port in ports:
        command = [sys.executable, "-m", "streamlit", "run", "app.py"]
        command += ["--server.address", "127.0.0.1", "--server.port", str(port)]
        process = subprocess.Popen(command, cwd=PROJECT, env=environment)
        print(f"process {process.pid} on port {port}", flush=True)
        started.append(process)
    return started


def wait_for(ports: Sequence[int], running: Sequence[subprocess.Popen[bytes]]) -> None:
    """Wait until every process answers.

    Raises:
        TimeoutError: If one has ended, or does not answer in time.
    """
    deadline = time.monotonic() + START
    for port, process in zip(ports, running, strict=True):
        while not answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise TimeoutError(f"The dashboard on port {port} did not start")
            time.sleep(0.2)


def answers(port: int) -> bool:
    """Whether a dashboard's process is ready."""
    try:
        address = f"http://127.0.0.1:{port}/_stcore/health"
        return urllib.request.urlopen(address, timeout=2).status == 200
    except OSError:
        return False


def stop(running: Sequence[subprocess.Popen[bytes]]) -> None:
    """End processes: politely, and then not."""
    for process in running:
        process.terminate()
    for process in running:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
