rule submission:
    input:
        index=place("dataset_images", part="test"),
        classes=place("dataset_classes"),
        masks=planned(targets.submitted_masks),
    output:
        place("submission"),
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
