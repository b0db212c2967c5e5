"""What commands print: data on standard output, everything else on standard error, one form for errors."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

import click

from sensei_tui.base.errors import ExitCode, SenseiError, UsageError
from sensei_tui.base.text import plain

FORMATS = ("text", "json", "yaml")


def output_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `-o text|json|yaml` as the parameter `output`."""
    return click.option(
        "-o", "--output", type=click.Choice(FORMATS), default="text", show_default=True, help="Form of the answer."
    )(function)


def emit(data: Any, text: str | list[str], output: str) -> None:
    """Print data in the form that was asked for; `text` is what a person reads."""
    if output == "json":
        say(json.dumps(builtins(data), indent=2, ensure_ascii=False))
    elif output == "yaml":
        import yaml

        say(yaml.safe_dump(builtins(data), sort_keys=False, allow_unicode=True).rstrip("\n"))
    else:
        say("\n".join(text) if isinstance(text, list) else text)


def say(text: str) -> None:
    """A line (or several) on standard output."""
    click.echo(plain(text))


def note(text: str) -> None:
    """A line on standard error: progress, hints, warnings."""
    click.echo(plain(text), err=True)


def builtins(data: Any) -> Any:
    """Structs, dataclasses, paths and tuples as what JSON knows."""
    import msgspec

    return msgspec.to_builtins(data, enc_hook=str)


class _Interrupted(SenseiError):
    """Ctrl-C."""

    code = "interrupted"
    exit_code = ExitCode.INTERRUPTED


def fail(error: SenseiError, *, as_json: bool) -> NoReturn:
    """Print the error and leave with its exit code."""
    text = json.dumps({"error": error.as_dict()}, ensure_ascii=False) if as_json else str(error)
    note(text)
    sys.exit(error.exit_code)


def wants_json(arguments: list[str]) -> bool:
    """Whether `-o json` (in any spelling) stands on the command line."""
    joined = [f"{first} {second}" for first, second in zip(arguments, [*arguments[1:], ""], strict=True)]
    return any(text.startswith(("-o json", "-ojson", "-o=json", "--output json", "--output=json")) for text in joined)


def run(command: click.Command, arguments: list[str]) -> NoReturn:
    """Run a command line and leave with the exit code that says how it went."""
    try:
        result = command.main(args=arguments, prog_name="sensei", standalone_mode=False)
    except SenseiError as error:
        fail(error, as_json=wants_json(arguments))
    except click.ClickException as error:
        if wants_json(arguments):
            fail(_usage(error), as_json=True)
        error.show()
        sys.exit(ExitCode.USAGE)
    except (click.Abort, KeyboardInterrupt) as error:
        told = " ".join(getattr(error.__cause__ or error, "__notes__", []))
        fail(_Interrupted("Interrupted.", remedy=told), as_json=wants_json(arguments))
    except BrokenPipeError:
        # The reader of a pipe has seen enough; keep the interpreter's own flush at exit quiet too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.OK)
    except OSError as error:
        failed = SenseiError(error.strerror or str(error), where=str(error.filename or ""))
        fail(failed, as_json=wants_json(arguments))
    sys.exit(result if isinstance(result, int) else ExitCode.OK)


def _usage(error: click.ClickException) -> UsageError:
    """What click found wrong on the command line."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else "sensei"
    return UsageError(error.format_message(), where=path, remedy=f"See {path} --help")


def report_defect() -> NoReturn:
    """An exception nobody expected: where it was, without the values of variables, which could be secrets."""
    note("A defect in sensei. Runs that are going on are not touched.\n" + traceback.format_exc(limit=-8))
    sys.exit(ExitCode.INTERNAL)
