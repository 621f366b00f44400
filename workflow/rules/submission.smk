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
        "../../envs/orandnet.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        settings=settings(lambda wildcards: CONFIG.submission_settings),
        code=code("submission"),
    shell:
        "orandnet submission write --index {input.index} --masks {input.masks} --output {output}"
        " --settings {params.settings:q} &> {log}"
