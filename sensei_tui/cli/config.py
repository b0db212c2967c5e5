"""`sensei config ...`: the values, without an editor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sensei_tui.base.errors import ExitCode, UsageError
from sensei_tui.cli.context import site_of
from sensei_tui.cli.output import emit, output_option
from sensei_tui.site.edit import ValuesEditor
from sensei_tui.site.form import Field, form, parse_text
from sensei_tui.site.schema import is_secret, rule, settings
from sensei_tui.site.tree import get_path, leaves, set_path
from sensei_tui.site.validate import Problem, check_value, masked, validate
from sensei_tui.site.values import load_values

FILE = click.Path(path_type=Path)


@click.group()
def config() -> None:
    """Show, change, check and compare the values."""


@config.command()
@click.argument("path", default="")
@click.option("--origin", is_flag=True, help="Also say which file and line each value comes from.")
@output_option
@click.pass_context
def show(ctx: click.Context, path: str, origin: bool, output: str) -> None:
    """The merged values, secrets masked; all of them or those under PATH."""
    values = load_values(site_of(ctx))
    tree = masked(values.tree)
    shown = get_path(tree, path) if path else tree
    if shown is None:
        raise UsageError(f"Nothing is set at {path}.", remedy=f"See what may be set: sensei config schema {path}")
    if origin:
        pairs = [(name, value) for name, value in leaves(tree) if not path or _under(name, path)]
        data = {name: {"value": value, "origin": str(values.origin(name.split(".")))} for name, value in pairs}
        text = [f"{name}: {_yaml(value)}    # {data[name]['origin']}" for name, value in pairs]
        emit(data, text, output)
    else:
        emit(shown, _yaml(shown), output)


@config.command()
@click.argument("path")
@output_option
@click.pass_context
def get(ctx: click.Context, path: str, output: str) -> None:
    """The value in force at PATH: yours, or the chart's default. Secrets are masked."""
    sub = _rule(path)
    value = get_path(masked(load_values(site_of(ctx)).tree), path)
    given = value is not None
    value = value if given else _default(sub)
    emit({"path": path, "value": value, "default": not given}, _yaml(value), output)


@config.command("set")
@click.argument("path")
@click.argument("value")
@output_option
@click.pass_context
def set_(ctx: click.Context, path: str, value: str, output: str) -> None:
    """Set PATH to VALUE in the file that sets it last; comments and order of the file survive."""
    if is_secret(path):
        raise UsageError(
            f"{path} is a secret and must not stand on a command line.",
            remedy="Write ${NAME} into the values file, or use 'sensei license set' for the licence key.",
        )
    field = _field(path)
    parsed = parse_text(field, value)
    if problem := check_value(path, parsed):
        raise UsageError(f"{path}: {problem}", remedy=f"See: sensei config schema {path}")
    editor = ValuesEditor(site_of(ctx))
    editor.set(path, parsed)
    editor.save()
    emit({"path": path, "value": parsed}, _pair(path, parsed), output)


@config.command()
@click.argument("path")
@output_option
@click.pass_context
def unset(ctx: click.Context, path: str, output: str) -> None:
    """Take PATH out of the values files: the chart's default holds again."""
    _rule(path)
    editor = ValuesEditor(site_of(ctx))
    was = editor.get(path) is not None
    editor.unset(path)
    editor.save()
    emit({"path": path, "removed": was}, f"{path}: {'removed' if was else 'was not set'}", output)


@config.command("validate")
@click.option("-f", "--values", "files", multiple=True, type=FILE, help="These files instead of the site's.")
@output_option
@click.pass_context
def validate_(ctx: click.Context, files: tuple[Path, ...], output: str) -> int:
    """Every mistake with its file, line, path and what is allowed."""
    site = site_of(ctx)
    problems = validate(load_values(site, files or None))
    errors = sum(problem.severity == "error" for problem in problems)
    text = [f"{problem.severity}: {problem}" for problem in problems] or ["The values are valid."]
    emit({"valid": not errors, "problems": [_problem(item) for item in problems]}, text, output)
    return ExitCode.FINDING if errors else ExitCode.OK


@config.command()
@output_option
@click.pass_context
def diff(ctx: click.Context, output: str) -> None:
    """What will be different from what this site has deployed."""
    from sensei_tui.deploy.record import difference

    site = site_of(ctx)
    changes, where = difference(site, load_values(site).tree)
    lines = [line for change in changes for line in change.lines()]
    emit({"compared_with": where, "changes": lines}, lines or [f"No difference from {where}."], output)


@config.command()
@click.argument("path", default="")
@output_option
def schema(path: str, output: str) -> None:
    """What may be set, with defaults; all of it or what is under PATH."""
    if path:
        _rule(path)
    fields = [field for group in form() for field in group.fields if not path or _under(field.path, path)]
    emit([_facts(field) for field in fields], [row for field in fields for row in _about(field)], output)


def _under(path: str, parent: str) -> bool:
    return path == parent or path.startswith(parent + ".")


def _facts(field: Field) -> dict[str, Any]:
    return {"path": field.path, "title": field.title, "type": field.kind, "default": field.default,
            "choices": list(field.choices), "minimum": field.minimum, "maximum": field.maximum,
            "description": field.description}  # fmt: skip


def _about(field: Field) -> list[str]:
    allowed = " | ".join(str(choice) for choice in field.choices) or field.kind
    if field.minimum is not None:
        allowed += f" {field.minimum} to {field.maximum}{f' {field.unit}' if field.unit else ''}"
    return [f"{field.path}  ({allowed}, default {_yaml(field.default)})", f"    {field.description}"]


def _rule(path: str) -> dict[str, Any]:
    sub = rule(path)
    if sub is None:
        problem = f"There is no setting {path}."
        raise UsageError(problem, remedy="See all: sensei config schema")
    return sub


def _field(path: str) -> Field:
    _rule(path)
    for group in form():
        for field in group.fields:
            if field.path == path:
                return field
    raise UsageError(f"{path} is a group of settings.", remedy=f"See: sensei config schema {path}")


def _problem(problem: Problem) -> dict[str, Any]:
    return {"file": str(problem.file), "line": problem.line, "column": problem.column, "path": problem.path,
            "message": problem.message, "allowed": problem.allowed, "severity": problem.severity}  # fmt: skip


def _default(sub: dict[str, Any]) -> Any:
    """The chart's default; of a group: those of its settings."""
    if sub.get("type") != "object":
        return sub.get("default")
    tree: dict[str, Any] = {}
    for name, setting in settings(sub):
        set_path(tree, name, setting.get("default"))
    return tree


def _pair(path: str, value: Any) -> str:
    return f"{path}:\n{_yaml(value)}" if isinstance(value, dict | list) and value else f"{path}: {_yaml(value)}"


def _yaml(value: Any) -> str:
    import yaml

    if isinstance(value, dict | list):
        return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True)).rstrip("\n")
    if value is None or isinstance(value, bool):  # 1 is not true, though Python calls them equal
        return {True: "true", False: "false", None: "(empty)"}[value]
    return str(value)
