"""The compiled content that this process has used last."""

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping

from apps.templates.rendering.building import BuiltBody
from apps.templates.rendering.compiled import CompiledContent, compile_content


class CompiledCache:
    """Keeps the entries used last, up to a number of them and of tags in them; thread-safe."""

    def __init__(self, *, size: int, tags: int) -> None:
        self._size = size
        self._tags_left = tags
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, CompiledContent] = OrderedDict()

    def fetch(
        self,
        key: Hashable,
        *,
        channel: str,
        content: Mapping[str, object],
        built: BuiltBody | None = None,
    ) -> CompiledContent:
        """Return what is kept under the key, or compile and keep it. Raises RenderingError.

        Two threads that miss at once both compile: cheaper than making all others wait.
        """
        with self._lock:
            if (found := self._entries.get(key)) is not None:
                self._entries.move_to_end(key)
                return found
        fresh = compile_content(channel=channel, content=content, built=built)
        with self._lock:
            self._keep(key, fresh)
        return fresh

    def _keep(self, key: Hashable, fresh: CompiledContent) -> None:
        if (replaced := self._entries.pop(key, None)) is not None:
            self._tags_left += replaced.tags
        self._entries[key] = fresh
        self._tags_left -= fresh.tags
        while len(self._entries) > self._size or (self._tags_left < 0 and len(self._entries) > 1):
            _, dropped = self._entries.popitem(last=False)
            self._tags_left += dropped.tags


# Some ten megabytes as a rule, sixty if all templates are as large as they may be.
_CACHE = CompiledCache(size=1000, tags=50_000)


def compiled(
    key: Hashable,
    channel: str,
    content: Mapping[str, object],
    built: BuiltBody | None = None,
) -> CompiledContent:
    """Compile content once per process and key, which must change with the content.

    A template's id and version number make such a key; `built` is what was made of its MJML or
    Markdown when it was written. Raises RenderingError.
    """
    return _CACHE.fetch(key, channel=channel, content=content, built=built)


def compiled_loose(channel: str, content: Mapping[str, object]) -> CompiledContent:
    """Compile content that belongs to no template; the same again, as in bulk, is only looked up.

    Raises RenderingError.
    """
    digest = hashlib.sha256(json.dumps([channel, content], sort_keys=True).encode()).digest()
    return _CACHE.fetch(digest, channel=channel, content=content)
