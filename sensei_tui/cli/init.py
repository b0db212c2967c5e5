"""`sensei init DIR`: a new site."""

from __future__ import annotations

from pathlib import Path

import click

from sensei_tui.cli.output import emit, output_option
from sensei_tui.site.new import create_site


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--name", default="", help="The site's name (default: the directory's).")
@click.option("--kubeconfig", default="", help="A kubeconfig file.")
@click.option("--context", "kube_context", default="", help="A context of the kubeconfig (default: its current one).")
@click.option("--namespace", default="sensei", show_default=True, help="The namespace to install into.")
@click.option("--airgapped", is_flag=True, help="Also write values-airgapped.yaml for a site without internet.")
@output_option
def init(
    directory: Path, name: str, kubeconfig: str, kube_context: str, namespace: str, airgapped: bool, output: str
) -> None:
    """Make a site: a directory that holds one installation."""
    if kubeconfig:  # named from here; paths in site.yaml are relative to the site
        kubeconfig = str(Path(kubeconfig).expanduser().absolute())
    site = create_site(
        directory, name=name, airgapped=airgapped, kubeconfig=kubeconfig, context=kube_context, namespace=namespace
    )
    files = [path.name for path in (site.root / "site.yaml", *site.values_files)]
    text = [f"Site {site.config.name} in {site.root}", f"  wrote  {', '.join(files)}"]
    text += ["  next   edit the values, then: sensei license set, sensei preflight, sensei install"]
    emit({"site": site.config.name, "directory": site.root, "files": files}, text, output)
