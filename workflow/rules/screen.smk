# What a run says on the terminal. Snakemake leaves hooks of a module aside, so another workflow's terminal stays its own.

from snakemake.logging import logger

from orandnet.screen import ending, job_lines

# whoever asks for more (-p, --verbose, another logger) gets Snakemake's own lines
output_settings = workflow.output_settings
BRIEF = workflow.is_main_process and not (
    output_settings.printshellcmds or output_settings.verbose or output_settings.debug_dag
)


onstart:
    if BRIEF:
        job_lines.begin(logger, len(workflow.dag), show_failed_logs=output_settings.show_failed_logs)


onsuccess:
    # a run that made a part of it says nothing of the rest, which may be out of date
    if workflow.is_main_process and any(job.rule.name == "report_page" for job in workflow.dag.jobs):
        logger.info(ending.ending(CONFIG, with_results="ORANDNET_RESULTS_FOLLOW" not in os.environ))


onerror:
    job_lines.end_failed(logger, log if isinstance(log, list) else [log])
