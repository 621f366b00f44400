# The way in: a bare `snakemake` in this folder runs everything that config.yaml asks for.


include: "workflow/Snakefile"


# the first rule of an included file is no default target, so the default stands here
rule tables_and_figures:
    default_target: True
    input:
        rules.all.input,
