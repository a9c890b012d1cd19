"""JupyterLab on loopback with a browser in front of it, for the tests of what a person does in a page."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

CHROMIUM = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    "--disable-dev-shm-usage",
]
READY = """() => { const w = window.jupyterapp?.shell?.currentWidget; const s = w?.sessionContext;
    return !!(w?.context?.isReady && s?.isReady && ["idle", "busy"].includes(s?.session?.kernel?.status)); }"""


class Lab:
    """A JupyterLab server with its own settings, and one page of a real browser on it."""

    def __init__(self, folder: Path, browser: Any, environment: dict[str, str]) -> None:
        self.folder, self.browser, self.token = folder, browser, secrets.token_hex(8)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        own = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
        own |= {f"JUPYTERLAB_{name}_DIR": str(folder / name.lower()) for name in ("SETTINGS", "WORKSPACES")}
        news = folder / "settings" / "@jupyterlab" / "apputils-extension"
        news.mkdir(parents=True)
        (news / "notification.jupyterlab-settings").write_text(json.dumps({"fetchNews": "false"}))
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={self.port}"]
        command += [f"--IdentityProvider.token={self.token}", f"--ServerApp.root_dir={folder}", "--allow-root"]
        command += ["--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"]
        with open(folder / "server.log", "wb") as log:
            options = {"stdout": log, "stderr": log, "start_new_session": True}
            self.server = subprocess.Popen(command, env=os.environ | own | environment, **options)
        self._await_server()
        self.page = browser.new_page(viewport={"width": 1200, "height": 1100})
        self.page.on("dialog", lambda dialog: dialog.accept())

    def _await_server(self) -> None:
        for _ in range(600):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/status?token={self.token}", timeout=2)
                return
            time.sleep(0.1)
        raise AssertionError((self.folder / "server.log").read_text())

    def write(self, name: str, cells: list[str]) -> None:
        """Put a notebook into the server's folder."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, self.folder / name)

    def open(self, name: str, at_work: bool = False) -> None:
        """Show a notebook, its kernel ready; one that is at work since before is interrupted, a new one never is."""
        self.page.goto(f"http://127.0.0.1:{self.port}/lab/tree/{name}?token={self.token}&reset")
        self.page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.context?.isReady", timeout=60_000)
        for _ in range(120):
            self.page.wait_for_timeout(1000)
            if self.page.evaluate(READY):
                return
            if at_work:
                self.command("notebook:interrupt-kernel")
        raise AssertionError("the kernel does not get ready")

    def command(self, name: str) -> None:
        """Run a command of JupyterLab, without waiting for what it sets off."""
        self.page.evaluate("name => { window.jupyterapp.commands.execute(name); }", name)

    def close(self) -> None:
        """End the server with its kernels."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.server.pid, signal.SIGTERM)
        try:
            self.server.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.server.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    """A headless Chromium, or a skip where there is none."""
    path = shutil.which("chromium")
    if not path or os.name == "nt":
        pytest.skip("no chromium here")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        yield driver.chromium.launch(executable_path=path, args=CHROMIUM)
