# How a rule gets its settings, its code's fingerprint, the user's files, its command and its device. No rules here.

import os
import shlex
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

# the package lies beside this folder, whichever Snakefile was started; of a module that is read from a repository only
# the rules arrive, and the package is that of Snakemake's environment
BASE = workflow.current_basedir
if (Path(str(BASE)).parent / "orandnet" / "__init__.py").is_file():
    sys.path.insert(0, str(Path(str(BASE)).parent))


def repository():
    """Return the address of the repository these rules are read from, for pip."""
    if hasattr(BASE, "repo_path"):
        return shlex.quote(f"git+file://{BASE.repo_path}@{BASE.ref}")
    if hasattr(BASE, "repo"):
        return shlex.quote(f"git+https://{BASE.host}/{BASE.repo}@{BASE.ref}")
    return "git+<its address>"


try:
    from orandnet.config.clips import require_open_clip
    from orandnet.capacity import jobs as gpu_jobs
    from orandnet.capacity.table import feature_of, needed_mib
    from orandnet.config.reading import check_files
    from orandnet.config.sections import load
    from orandnet.dataset import listing
    from orandnet.job.cache_key import cache_key
    from orandnet.job.fingerprint import PACKAGE_FOLDER, fingerprint
    from orandnet.job.gpu_slots import ON_CLUSTER, visible_gpus
    from orandnet.job.input_files import content_of_others, named_inputs
except ModuleNotFoundError as error:
    if error.name.split(".")[0] != "orandnet":
        raise
    raise WorkflowError(
        "orandnet: the package lies neither beside these rules nor in Snakemake's environment; install it there: "
        f"{shlex.quote(sys.executable)} -m pip install {repository()}"
    ) from None

try:
    check_files(workflow.configfiles)
    CONFIG = load(config)
    if not getattr(workflow.deployment_settings, "deployment_method", None):
        require_open_clip(CONFIG)
except ValueError as error:
    raise WorkflowError(f"config: {error}") from None

if Path("results").exists() and not Path("results").is_dir():
    raise WorkflowError(f"{Path('results').resolve()}: is a file where the folder of results belongs; move it away.")


# glibc hands large blocks back to the system after each layer and asks for them again: half of a CPU job's time. These
# keep them (measured on a CNN's forward pass: 1.45 s -> 0.65 s)
MALLOC = "MALLOC_TOP_PAD_=268435456 MALLOC_TRIM_THRESHOLD_=4294967296 MALLOC_MMAP_THRESHOLD_=33554432"


# so that `orandnet <stage>` runs the code of the fingerprints under Snakemake's own Python, or that of an activated
# software environment, whether or not a virtual environment is active; printed commands stay short enough to paste
def command_prefix():
    deployed = getattr(workflow.deployment_settings, "deployment_method", None)
    python = "python" if deployed else shlex.quote(sys.executable)
    package = shlex.quote(str(PACKAGE_FOLDER))
    cluster = f"{ON_CLUSTER}=1 " if workflow.remote_exec else ""
    return f'set -euo pipefail; orandnet() {{ {MALLOC} {cluster}{python} {package} "$@"; }}; '


# for text that Snakemake formats
def escaped(text):
    return text.replace("{", "{{").replace("}", "}}")


shell.prefix(escaped(command_prefix()))


# the software of every job, beside these rules; Snakemake takes braces in the checkout's own folder for wildcards
ENVIRONMENT = "../../envs/orandnet.yaml"
if "{" in str(BASE):
    ENVIRONMENT = escaped(str(BASE.join(ENVIRONMENT)))


# the name of an option for an input that a job may lack; the command names the files themselves, so that no parameter
# holds the folder of a run
def option(name, files):
    return name if files else ""


LOCAL_GPUS = [] if workflow.remote_exec else visible_gpus()


# of a job that computes and reads what comes next; more threads change no result and would do nothing
READING_AHEAD = min(2, CONFIG.threads)


# a job asks for one GPU; on this machine without any, GPU jobs are CPU jobs and run side by side. A function, since how
# jobs are executed is known only after the rules have been read
def GPU(wildcards):
    elsewhere = workflow.remote_exec or not workflow.local_exec
    return 1 if elsewhere or LOCAL_GPUS else 0


@cache
def memory_of(job, name):
    return needed_mib(job(CONFIG, name), gpu_jobs.largest_images(CONFIG))


# the memory of the GPU that a job needs, where it was counted: of the published configs. Nobody else reads it: it stands
# in the logs, `--resources gpu_mem_mb=...` holds jobs of one machine below it, and a profile may make it a constraint
def gpu_memory(job, wildcard):
    return lambda wildcards: GPU(wildcards) and memory_of(job, wildcards[wildcard]) or None


def gpu_feature(job, wildcard):
    return lambda wildcards: GPU(wildcards) and feature_of(memory_of(job, wildcards[wildcard])) or None


# what a job that failed may have lacked: the n-th attempt gets n times as much, if the profile asks for `retries`
def growing(amount):
    return lambda wildcards, attempt: amount * attempt


# an attempt of a training goes on where the last one stopped, so its time does not grow, and a partition's limit holds.
# The wall stands on clusters only; a function of `resources` is not compared, so another limit re-runs nothing
def time_limit(wildcards, resources):
    return f"--time-limit {resources.runtime}" if workflow.remote_exec else ""


# TensorBoard's event files, if they are wanted; not compared either
def events_option(training):
    def option(wildcards, resources):
        if not CONFIG.tensorboard:
            return ""
        parts = {name: value for name, value in wildcards.items() if name != "run"}
        return f"--events-output {shlex.quote(events(training, wildcards.run, **parts))}"

    return option


# settings reach a job as canonical JSON of its own section, through a function of wildcards: Snakemake compares it,
# and the order of keys does not matter
def settings(section):
    return lambda wildcards: section(wildcards).canonical_json()


# files of the user's own that a job reads: those that can be inputs, and what stands for the rest
def named(files):
    return lambda wildcards: named_inputs(files(wildcards))


def others(files):
    return lambda wildcards: content_of_others(files(wildcards))


def annotations(wildcards):
    return listing.annotation_files(CONFIG.dataset)


def lists_of_images(wildcards):
    return listing.source_files(CONFIG.dataset, wildcards.part)


def code(stage):
    return fingerprint(f"orandnet.{stage}.stage")


# whether trainings are handed on between checkouts; without --cache, Snakemake would tell of each rule that it could be
CACHED = workflow.workflow_settings.cache is not None
if CACHED:
    cache_folder = os.environ.get("SNAKEMAKE_OUTPUT_CACHE", "")
    if not cache_folder or ("://" not in cache_folder and not os.access(cache_folder, os.W_OK)):
        raise WorkflowError(
            f"--cache: the environment variable SNAKEMAKE_OUTPUT_CACHE is {cache_folder!r}; "
            "set it to a folder that is there and that you may write to."
        )


# what Snakemake's own key of a training leaves out; a function of `input` is not compared, so it re-runs nothing
def cached(wildcards, input):
    if not CACHED:
        return ""
    read = {name: [files] if isinstance(files, str) else files for name, files in input.items() if name != "checked"}
    return cache_key(read, {name: wildcards[name] for name in ("seed", "schedule") if name in wildcards.keys()})
