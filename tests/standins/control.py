"""The control port that every stand-in has, and the start of its process."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.standins.behaviour import Behaviour, read_behaviour
from tests.standins.http_server import Answer, Request, answer_json, serve_http
from tests.standins.journal import Journal

HANG_SECONDS = 3600


@dataclass(kw_only=True)
class Standin:
    """What a stand-in's protocol and its control port share."""

    journal: Journal
    behaviour: Behaviour = field(default_factory=Behaviour)

    async def control(self, request: Request) -> Answer:
        """GET /log, GET /stats, POST /behaviour (replaces the whole of it), POST /reset."""
        match request.method, request.path:
            case "GET", "/log":
                return answer_json(200, self.journal.read())
            case "GET", "/stats":
                return answer_json(200, self.journal.get_counts())
            case "POST", "/behaviour":
                return self._change_behaviour(request)
            case "POST", "/reset":
                self.behaviour = Behaviour()
                self.journal.reset()
                return answer_json(200, {})
        return answer_json(404, {"error": "GET /log /stats, POST /behaviour /reset"})

    def _change_behaviour(self, request: Request) -> Answer:
        try:
            self.behaviour = read_behaviour(request.read_json())
        except (ValueError, TypeError) as error:
            return answer_json(400, {"error": str(error)})
        return answer_json(200, {})

    async def wait_latency(self) -> None:
        if self.behaviour.latency_ms:
            await asyncio.sleep(self.behaviour.latency_ms / 1000)


def build_parser(title: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--control", type=int, required=True, help="port of the control API")
    parser.add_argument("--log", type=Path, required=True, help="one JSON line per message")
    return parser


def run_standin(arguments: argparse.Namespace, serve: Callable[[Standin], Awaitable[Any]]) -> None:
    """Serve the protocol (`serve` starts listening) and the control port until killed."""

    async def run() -> None:
        standin = Standin(journal=Journal(arguments.log))
        await serve(standin)
        control = await serve_http(standin.control, port=arguments.control)
        await control.serve_forever()

    asyncio.run(run())
