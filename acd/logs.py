"""Logging: one structured line an event, on standard error or in a file. Personal data only in marked fields."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Literal, TextIO

import structlog


def set_up_logging(log_format: Literal["console", "json"], *, to_file: Path | None = None) -> None:
    """`to_file` keeps the terminal free for what a person reads (the demo)."""
    stream: TextIO = sys.stderr
    if to_file is not None:
        to_file.parent.mkdir(parents=True, exist_ok=True)
        stream = to_file.open("w", encoding="utf-8", buffering=1)
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(stream=stream, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
