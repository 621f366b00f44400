rule submission:
    input:
        index="results/{run}/dataset/index.csv",
        manifest="results/{run}/dataset/manifest.json",
        masks=submitted_masks,
    output:
        "results/{run}/submission/{method}.tar.gz",
    log:
        "results/{run}/logs/submission/{method}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        settings=settings(lambda wildcards: CONFIG.submission_settings),
        code=code("submission"),
    shell:
        "orandnet submission write --index {input.index:q} --masks {input.masks:q} --output {output:q}"
        " --settings {params.settings:q} &> {log:q}"
