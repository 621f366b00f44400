rule evaluation_cam:
    input:
        index="results/{run}/dataset/index.csv",
        manifest="results/{run}/dataset/manifest.json",
        ground_truth="results/{run}/dataset/ground_truth.json",
        cams=cam_shards("method"),
    output:
        summary="results/{run}/evaluation/cam/{method}/seed{seed}/summary.csv",
        curve="results/{run}/evaluation/cam/{method}/seed{seed}/curve.csv",
        per_class="results/{run}/evaluation/cam/{method}/seed{seed}/per_class.csv",
    log:
        "results/{run}/logs/evaluation/cam/{method}/seed{seed}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        # the rule `fixed` scores the threshold that pseudo masks of this method are made with
        background_threshold=lambda wildcards: CONFIG.pseudo_mask.for_method(wildcards.method).background_threshold,
        settings=settings(lambda wildcards: CONFIG.evaluation),
        code=code("evaluation"),
    shell:
        "orandnet evaluation cam --index {input.index:q} --ground-truth {input.ground_truth:q} --cams {input.cams:q}"
        " --output {output.summary:q} --curve-output {output.curve:q} --per-class-output {output.per_class:q}"
        " --background-threshold {params.background_threshold} --settings {params.settings:q} &> {log:q}"


rule evaluation_prediction:
    input:
        index="results/{run}/dataset/index.csv",
        manifest="results/{run}/dataset/manifest.json",
        ground_truth="results/{run}/dataset/ground_truth.json",
        masks=expand(
            "results/{run}/prediction/{method}/{schedule}/seed{seed}/{split}/{shard}.csv",
            shard=PREDICTION_SHARDS,
            allow_missing=True,
        ),
    output:
        summary="results/{run}/evaluation/prediction/{method}/{schedule}/seed{seed}/{split}/summary.csv",
        per_class="results/{run}/evaluation/prediction/{method}/{schedule}/seed{seed}/{split}/per_class.csv",
    log:
        "results/{run}/logs/evaluation/prediction/{method}/{schedule}/seed{seed}/{split}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        code=code("evaluation"),
    shell:
        "orandnet evaluation prediction --index {input.index:q} --ground-truth {input.ground_truth:q}"
        " --masks {input.masks:q} --output {output.summary:q} --per-class-output {output.per_class:q}"
        " --split {wildcards.split} &> {log:q}"
