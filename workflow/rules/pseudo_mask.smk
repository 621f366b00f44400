rule pseudo_mask:
    input:
        index="results/{run}/dataset/index.csv",
        manifest="results/{run}/dataset/manifest.json",
        cams=cam_shard("method"),
        # only a threshold that is tuned on ground truth reads the evaluation's curve
        curve=lambda wildcards: (
            []
            if CONFIG.pseudo_mask.threshold_rule == "fixed"
            else f"results/{wildcards.run}/evaluation/cam/{wildcards.method}/seed{wildcards.seed}/curve.csv"
        ),
    output:
        masks="results/{run}/pseudo_mask/{method}/seed{seed}/{shard}.csv",
        threshold="results/{run}/pseudo_mask/{method}/seed{seed}/{shard}.threshold.json",
    log:
        "results/{run}/logs/pseudo_mask/{method}/seed{seed}/{shard}.log",
    priority: 40
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        curve=lambda wildcards, input: option("--curve", input.curve),
        settings=settings(lambda wildcards: CONFIG.pseudo_mask.for_method(wildcards.method)),
        code=code("pseudo_mask"),
    shell:
        "orandnet pseudo_mask --index {input.index:q} --cams {input.cams:q} {params.curve} --output {output.masks:q}"
        " --threshold-output {output.threshold:q} --shard {wildcards.shard} --settings {params.settings:q} &> {log:q}"
