"""The command line: run, add-model, status, sql, describe, questions, explain, report and so on.

Every command runs the Dagster assets or reads what they left. Only options and printing belong
here.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import secrets
import shlex
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, get_args

import click

from dagster_project.cli.guard import TOKEN_VARIABLE
from dagster_project.cli.process import OUT, Group, log_to_stderr, print_error, run_and_exit
from dagster_project.paths import embedded_studies
from dagster_project.study.finished import study_home
from dagster_project.study.home import default_homes, homes_folder
from ingestion.errors import FactrootsError
from ingestion.import_kinds import ImportKind
from models_gpu.loading.spec import Dtype, MaskCounts

if TYPE_CHECKING:
    from dagster_project.runtime.workspace import Workspace
    from dagster_project.study.home import Home

__all__ = ["command_line", "main"]


_FIRST_QUERY = (
    "select model_id, language_code, full_match_rate as p_at_1, full_match_rate_low as low, "
    "full_match_rate_high as high from p_at_1_by_language"
)
"""What a run recommends to ask."""


def _workspace(study: str, homes: Path, **settings: Any) -> Workspace:
    """Opens a study with all that it names; --help and readers do without these modules."""
    from dagster_project.runtime.workspace import Workspace

    return Workspace(study, homes, **settings)


def _homes(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--home",
        "homes",
        type=click.Path(path_type=Path, file_okay=False),
        default=default_homes,
        envvar="FACTROOTS_HOME",
        show_default=str(default_homes()),
        help="Folder that holds one folder per study; FACTROOTS_HOME says it for all commands.",
    )(command)


def _again(command: str, study: str, homes: Path) -> str:
    """Writes a recommended command so that it finds the same study and home."""
    words = ["factroots", command, study]
    if homes.absolute() != homes_folder():
        words += ["--home", str(homes)]
    return shlex.join(words)


def _restricted(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--restrict",
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        help="Refuse a study that names files outside this folder, or code of others.",
    )(command)


def _scaled_out(command: Callable[..., Any]) -> Callable[..., Any]:
    ray = click.option(
        "--ray",
        metavar="ADDRESS",
        envvar="FACTROOTS_RAY",
        help="Compute on a Ray cluster: local or local:N (N workers on this machine during the "
        "run), auto, HOST:PORT or ray://HOST:PORT.",
    )
    lake = click.option(
        "--lake",
        metavar="ADDRESS",
        envvar="FACTROOTS_LAKE",
        help="Shared lake for finished parts, not the study's: s3://BUCKET/PREFIX, a folder.",
    )
    return ray(lake(command))


def _narrowed(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that take a part of a study; the command gets them as ``narrow``."""
    options = (
        click.option("--models", callback=_names, help="Only these models, comma-separated."),
        click.option("--languages", callback=_names, help="Only these languages, comma-separated."),
        click.option("--relations", callback=_names, help="Only these relations, comma-separated."),
        click.option(
            "--sample",
            type=click.IntRange(1, 2**31 - 1),
            help="This many facts per relation, the same in every language.",
        ),
    )

    @functools.wraps(command)
    def narrowed(
        *arguments: Any,
        models: tuple[str, ...] | None,
        languages: tuple[str, ...] | None,
        relations: tuple[str, ...] | None,
        sample: int | None,
        **others: Any,
    ) -> Any:
        from dagster_project.study.load import Narrowing

        narrow = {
            "only_models": models,
            "only_languages": languages,
            "narrowing": Narrowing(relations, sample) if relations or sample else None,
        }
        return command(*arguments, narrow=narrow, **others)

    for option in reversed(options):
        narrowed = option(narrowed)
    return narrowed


def _study(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.argument("study", default="atlas")(command)


def _names(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Any:
    if value is None:
        return None
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    if not names:
        raise click.BadParameter(f"{value!r} has no name: give one or more, such as a,b")
    return names


def _settings(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    pairs = {name: value for name, _, value in (text.partition("=") for text in values)}
    for text in values:
        if "=" not in text:
            raise click.BadParameter(f"'{text}' is not NAME=VALUE, such as language=af")
    return pairs


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="factroots")
def main() -> None:
    """Trace where the facts that a multilingual language model knows come from.

    STUDY is a study file or the name of an embedded study (default: atlas).
    """


@main.command()
@_study
@_homes
@_narrowed
@click.option("--device", help="Where models run: cpu, cuda, cuda:1 or mps; the best by default.")
@click.option("--quiet", is_flag=True, help="No progress, only the results.")
@click.option("--keep-going", is_flag=True, help="Leave models out that cannot be used.")
@_scaled_out
@_restricted
@click.pass_context
def run(
    context: click.Context,
    study: str,
    homes: Path,
    narrow: dict[str, Any],
    device: str | None,
    quiet: bool,
    keep_going: bool,
    ray: str | None,
    lake: str | None,
    restrict: Path | None,
) -> None:
    """Compute what is missing or stale, build and test the warehouse, publish it.

    You can stop it at any moment and run it again: finished work is kept. With --models or
    --languages the warehouse has only these; the lake keeps the others for a later run. With
    --relations or --sample other facts take the place of the earlier ones. A model that fails is
    left out of the published file, and the exit status is 1.
    """
    from dagster_project.cli.run import refresh
    from dagster_project.runtime.connect import workers_at
    from warehouse.summary import published_notes, summary_tables

    log_to_stderr(logging.WARNING if quiet else logging.INFO)
    if device is not None:
        os.environ["FACTROOTS_DEVICE"] = device
    started = time.perf_counter()
    # Links in the path of the home stay, so that a restricted study's can be checked.
    homes = homes.absolute()
    workspace = _workspace(
        study, homes, keep_going=keep_going, restrict=restrict, lake=lake, **narrow
    )
    if not refresh(workspace, workers_at(ray)):
        OUT.print("Nothing to do: everything is up to date.")
    missing = workspace.missing_models()
    for table in summary_tables(workspace.home.published_file):
        OUT.print(table)
    for note in published_notes(workspace.home.published_file):
        OUT.print(f"Note: {note}", highlight=False)
    seconds = time.perf_counter() - started
    OUT.print(f"{seconds:.1f} s. The warehouse is {workspace.home.published_file}", soft_wrap=True)
    query = f'{_again("sql", study, homes)} "{_FIRST_QUERY}"'
    OUT.print(f"Ask it: {query}", soft_wrap=True, highlight=False, markup=False)
    if workspace.home.report_file.exists():
        OUT.print(f"Look at it: {workspace.home.report_file}", soft_wrap=True, highlight=False)
    if missing:
        reasons = "\n  ".join(model.message for model in missing)
        print_error(f"published without {len(missing)} of the models:\n  {reasons}")
        context.exit(1)


@main.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def init(file: Path) -> None:
    """Write a commented study file to begin with."""
    from dagster_project.study.first_study import write_first_study

    write_first_study(file)
    OUT.print(f"Wrote {file}. What it costs: factroots plan {file}", highlight=False)


@main.command()
def schema() -> None:
    """Print the JSON Schema of a study file, for editors."""
    from dagster_project.study.reference import json_schema

    click.echo(json.dumps(json_schema(), indent=2))


@main.command("add-model")
@click.argument("study")
@click.argument("model")
@click.option("--source", required=True, help="Hub name, or a folder.")
@click.option("--revision", help="Commit, tag or branch of a hub model.")
@click.option("--dtype", type=click.Choice(get_args(Dtype)), default="float32", show_default=True)
@click.option("--mask-counts", type=click.Choice(get_args(MaskCounts)), default="gold")
@click.option("--trained-on", help="Id of the study's corpus with the model's training text.")
@click.option("--allow-pickle", is_flag=True, help="Read weights from pickles, which can run code.")
@click.option("--trust-remote-code", is_flag=True, help="Run Python code of the model's authors.")
@_homes
@_restricted
def add(study: str, model: str, homes: Path, restrict: Path | None, **settings: Any) -> None:
    """Check that a model loads, and add it to the study file as MODEL.

    While `factroots ui` runs, it then computes and publishes the model automatically.
    """
    from dagster_project.study.add_model import add_model
    from dagster_project.study.schema import ModelBlock

    log_to_stderr(logging.WARNING)
    added = add_model(study, ModelBlock(id=model, **settings), homes.absolute(), restrict)
    OUT.print(f"{model} loads, and is added to {added.name}.", highlight=False)
    line = f"Compute it: {_again('run', study, homes)}, or leave it to factroots ui"
    OUT.print(line, soft_wrap=True, highlight=False, markup=False)


@main.command("import")
@click.argument("study")
@click.argument("kind", type=click.Choice(get_args(ImportKind)))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--id", "owner_id", required=True, help="Model, or corpus of counts; may be new.")
@click.option("--made-by", help="Who made the file, and how: shown as its provenance.")
@click.option("--objective", type=click.Choice(["masked", "causal"]), help="Of a new model.")
@_homes
@_restricted
def import_(study: str, kind: ImportKind, file: Path, homes: Path, **settings: Any) -> None:
    """Check a FILE of predictions, neurons or counts of presence, and name it in the study file.

    The next run takes its rows into the lake; checks and marts are as for computed ones.
    """
    from dagster_project.cli.imports import imported_table
    from dagster_project.study.import_file import import_file

    log_to_stderr(logging.WARNING)
    found = import_file(study, kind, file, homes=homes.absolute(), **settings)
    OUT.print(imported_table(found))
    if found.is_new:
        line = f"{file} is added to {study}. Import it: {_again('run', study, homes)}"
        OUT.print(line, soft_wrap=True, markup=False)


@main.command()
@_study
@_homes
@_narrowed
@click.option("--measure/--no-measure", default=True, help="Load weights and measure a second.")
@_restricted
def plan(
    study: str, homes: Path, narrow: dict[str, Any], measure: bool, restrict: Path | None
) -> None:
    """Show what a run will do and cost: parts, queries, tokens, downloads, disk, time."""
    from dagster_project.cli.plan import plan_tables
    from dagster_project.runtime.estimate import model_costs

    log_to_stderr(logging.WARNING)
    workspace = _workspace(study, homes.absolute(), keep_going=True, restrict=restrict, **narrow)
    OUT.print(plan_tables(workspace, list(model_costs(workspace, is_measured=measure))))


@main.command()
@_study
@_homes
@click.option("--json", "as_json", is_flag=True, help="One JSON object per part.")
@_restricted
def status(study: str, homes: Path, as_json: bool, restrict: Path | None) -> None:
    """Show what is done, missing, stale or failed: models and corpora × tables × languages."""
    from dagster_project.cli.status import Status, status_rows

    workspace = _workspace(study, homes.absolute(), keep_going=True, restrict=restrict)
    if as_json:
        for row in status_rows(workspace):
            click.echo(json.dumps(row))
        return
    OUT.print(Status(workspace))


@main.command()
@click.argument("arguments", nargs=-1, metavar="[STUDY] [QUERY]")
@_homes
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "parquet"]),
    default="table",
    show_default=True,
)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write here.")
@click.option("--saved", metavar="NAME", help="A saved question; factroots questions lists them.")
@click.option(
    "--set",
    "variables",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_settings,
    help="Value of getvariable('NAME') in the query.",
)
@click.option(
    "--allow-files",
    is_flag=True,
    help="Let the query read and write files, load extensions and change settings.",
)
@click.option("--memory", default="4GB", show_default=True, help="Largest memory of the query.")
def sql(
    arguments: tuple[str, ...],
    homes: Path,
    form: str,
    output: Path | None,
    saved: str | None,
    variables: dict[str, str],
    allow_files: bool,
    memory: str,
) -> None:
    """Query the published warehouse, read-only; print a table, CSV, JSON or Parquet.

    QUERY is SQL or a file that holds it; '-' or nothing reads it from standard input. It can read
    the warehouse only: no other files, addresses or extensions.
    """
    from warehouse.query import ask
    from warehouse.questions import find_question

    if saved is None:
        study, query = _study_and_query(arguments)
    elif len(arguments) > 1:
        raise click.UsageError("give either a saved question or a query, not both")
    else:
        study, query = (*arguments, "atlas")[0], find_question(saved, variables).sql
    log_to_stderr(logging.WARNING)
    home = study_home(study, homes)
    names = ask(
        home.published_file,
        query,
        form,
        output,
        variables,
        allow_files=allow_files,
        memory=memory,
    )
    _say_why_empty(home, names)


@main.command()
@click.argument("name", required=False)
def questions(name: str | None) -> None:
    """List the saved questions, or print the SQL of the one called NAME."""
    from warehouse.questions import find_question, question_table

    if name is None:
        OUT.print(question_table())
    else:
        click.echo(find_question(name).sql, nl=False)


@main.command()
@click.argument("table", required=False)
@click.option("--study", default="atlas", show_default=True, help="Study file or embedded study.")
@_homes
def describe(table: str | None, study: str, homes: Path) -> None:
    """List the published tables, or say what TABLE has: rows, key, joins, each column's meaning."""
    from warehouse.describe import describe_table, list_tables

    home = study_home(study, homes)
    if table is None:
        OUT.print(list_tables(home.published_file))
        return
    lines, columns = describe_table(home.published_file, table)
    for line in lines:
        OUT.print(line, highlight=False, markup=False)
    OUT.print(columns)
    if "Rows: 0." in lines:
        _say_why_empty(home, [table])


@main.command()
@_study
@_homes
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder that gets the files.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["parquet", "csv", "both", "hf", "lm-eval"]),
    default="parquet",
    show_default=True,
)
@click.option("--tables", callback=_names, help="Only these tables, comma-separated.")
@click.option("--non-commercial", is_flag=True, help="I keep to the facts' non-commercial licence.")
@_restricted
def export(
    study: str,
    homes: Path,
    folder: Path,
    form: str,
    tables: tuple[str, ...] | None,
    non_commercial: bool,
    restrict: Path | None,
) -> None:
    """Write every published table as a file, sorted by its key, with a datapackage.json.

    hf is a data set for the Hugging Face hub: Parquet files and a card. lm-eval are the study's
    facts as tasks of lm-evaluation-harness.
    """
    from dagster_project.runtime.harness_tasks import write_harness_tasks
    from warehouse.export import FORMATS
    from warehouse.export import export as write
    from warehouse.hugging_face import export_dataset

    workspace = _workspace(study, homes.absolute(), keep_going=True, restrict=restrict)
    published = workspace.home.published_file
    if form == "lm-eval":
        files = write_harness_tasks(workspace, folder, non_commercial=non_commercial)
    elif form == "hf":
        name = workspace.study.name
        files = export_dataset(published, folder, name, tables, non_commercial=non_commercial)
    else:
        formats = [known for known in FORMATS if form in (known, "both")]
        files = write(published, folder, formats, tables)
    size = sum(file.stat().st_size for file in files)
    OUT.print(f"{len(files)} files, {size / 2**20:.1f} MiB, in {folder}", soft_wrap=True)


@main.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Floats that differ by at most this are equal; relative to the larger one above 1.",
)
@click.option("--tables", callback=_names, help="Only these tables, comma-separated.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def diff(
    old: Path, new: Path, tolerance: float, tables: tuple[str, ...] | None, as_json: bool
) -> None:
    """Compare two warehouses by table and key; exit status 1 if anything differs.

    OLD and NEW are published files, or the folders of studies, such as warehouse/atlas.
    """
    from warehouse.diff import diff as compare
    from warehouse.diff import diff_json, diff_tables

    found = compare(old, new, tolerance, tables)
    different = sum(table.is_different for table in found)
    if as_json:
        click.echo(diff_json(found))
    else:
        for table in diff_tables(found):
            OUT.print(table)
        OUT.print(f"{different} of {len(found)} tables differ.")
    click.get_current_context().exit(1 if different else 0)


@main.command()
@click.argument("model")
@click.argument("fact")
@click.argument("languages", nargs=-1, required=True, metavar="LANGUAGE [LANGUAGE …]")
@click.option("--study", default="atlas", show_default=True, help="Study file or embedded study.")
@_homes
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def explain(
    model: str, fact: str, languages: tuple[str, ...], study: str, homes: Path, as_json: bool
) -> None:
    """Say where MODEL's answer to one fact comes from in each LANGUAGE, and what speaks for it.

    FACT is the id of a fact, or a part of its subject's name in one of these languages.
    """
    from warehouse.explain import explain as explanation

    published = study_home(study, homes).published_file
    found = explanation(published, model, fact, languages)
    if as_json:
        click.echo(found.json())
    else:
        OUT.print(found)


@main.command()
@_study
@_homes
@click.option("--fact", help="Id or name of the fact whose neurons to show; default: best known.")
@click.option("--figure", "figures", multiple=True, help="Only this figure, and not the page.")
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(["svg", "png", "pdf", "csv"]),
    default=("svg", "png", "csv"),
    show_default=True,
    help="Files of a figure; csv: its rows.",
)
def report(
    study: str, homes: Path, fact: str | None, figures: tuple[str, ...], formats: tuple[str, ...]
) -> None:
    """Draw the report of the published warehouse, and each figure as files for papers."""
    from warehouse.report.page import write_report
    from warehouse.report.pictures import write_figures

    home = study_home(study, homes)
    sections = None
    if not figures:
        made = write_report(home.published_file, home.report, fact)
        sections = made.sections
        OUT.print(
            f"{made.figure_count} figures and {made.fact_count:,} facts, "
            f"{made.bytes / 1e6:.1f} MB: {made.path}",
            soft_wrap=True,
            highlight=False,
        )
    written, missing = write_figures(
        home.published_file, home.report / "figures", figures, formats, fact, sections
    )
    for path in written if figures else [home.report / "figures"]:
        OUT.print(f"Written: {path}", soft_wrap=True, highlight=False)
    if missing:
        OUT.print(
            f"No font of this machine has {', '.join(sorted(missing))} letters, so pictures show "
            "boxes: install Noto fonts (Debian: fonts-noto-core and fonts-noto-cjk).",
            soft_wrap=True,
        )


@main.command()
@_study
@_homes
@click.option("--port", default=3000, show_default=True)
@_scaled_out
@_restricted
def ui(
    study: str,
    homes: Path,
    port: int,
    ray: str | None,
    lake: str | None,
    restrict: Path | None,
) -> None:
    """Open Dagster's UI for a study, on this machine only.

    It prints the address to open, with a token: other users and pages of other sites get no answer.
    From another machine: ssh -L 3000:127.0.0.1:3000 HOST.
    """
    from dagster_project.cli.lineage_ahead import LOCATION, start_reading
    from dagster_project.dbt.lineage import kept_lineage
    from dagster_project.dbt.project import prepare_manifest
    from dagster_project.defs.instance import open_instance
    from dagster_project.defs.partitions import sync_partitions
    from dagster_project.runtime.connect import workers_at

    log_to_stderr(logging.INFO)
    workers_at(ray)
    workspace = _workspace(study, homes.absolute(), keep_going=True, restrict=restrict, lake=lake)
    workspace.check_restricted()
    workspace.home.create()
    settings = workspace.study.refresh
    with open_instance(workspace.home) as instance:
        if not settings.watch and settings.schedule is None:
            # The sensor, which does this, is off.
            sync_partitions(instance, workspace.plan.study)
    # Once here, instead of in each process that Dagster starts.
    lineage = kept_lineage(workspace.home, prepare_manifest(workspace.study, workspace.home))
    location = str(workspace.study.path) if Path(study).exists() else study
    os.environ |= {"FACTROOTS_STUDY": location, "FACTROOTS_HOME": str(homes.absolute())}
    if restrict is not None:
        os.environ["FACTROOTS_RESTRICT"] = str(restrict.resolve())
    os.environ |= {
        name: value for name, value in (("FACTROOTS_RAY", ray), ("FACTROOTS_LAKE", lake)) if value
    }
    token = secrets.token_urlsafe(32)
    os.environ[TOKEN_VARIABLE] = token
    if not lineage:
        start_reading(workspace.home, port)
    OUT.print(f"Open http://127.0.0.1:{port}/?token={token}", soft_wrap=True, highlight=False)
    command = [sys.executable, "-m", "dagster_project.cli.dagster_dev", "dev"]
    command += ["-m", LOCATION]
    os.execv(sys.executable, [*command, "--host", "127.0.0.1", "--port", str(port)])


def _say_why_empty(home: Home, names: Collection[str]) -> None:
    if names:
        from dagster_project.cli.empty import why_empty

        for line in why_empty(home, names):
            click.echo(line, err=True)


def _study_and_query(arguments: tuple[str, ...]) -> tuple[str, str]:
    """Tells STUDY from QUERY, as each may be left out: a study is embedded or a YAML file."""
    words = list(arguments)
    if len(words) > 2:
        raise click.UsageError("quote the query: factroots sql [STUDY] 'select …'")
    study = "atlas"
    is_study = words and (words[0] in embedded_studies() or words[0].endswith((".yml", ".yaml")))
    if is_study or len(words) == 2:
        study = words.pop(0)
    query = words[0] if words else "-"
    if query == "-":
        query = sys.stdin.read()
    elif query.endswith(".sql") and Path(query).is_file():
        query = _read_query(Path(query))
    # A locale that is not UTF-8 leaves the bytes of other letters as they were typed.
    return study, query.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _read_query(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FactrootsError(
            f"{path}: byte {error.start + 1} is not UTF-8: save the query as UTF-8"
        ) from error


def command_line() -> NoReturn:
    """What the installed command runs: ``main`` in a process that ends quickly."""
    run_and_exit(main)


if __name__ == "__main__":
    command_line()
