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
        "../../envs/orandnet.yaml"
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
        "orandnet evaluation cam --index {input.index} --ground-truth {input.ground_truth} --cams {input.cams}"
        " --output {output.summary} --curve-output {output.curve} --per-class-output {output.per_class}"
        " --background-threshold {params.background_threshold} --settings {params.settings:q} &> {log}"


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
        "../../envs/orandnet.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        code=code("evaluation"),
    shell:
        "orandnet evaluation prediction --index {input.index} --ground-truth {input.ground_truth} --masks {input.masks}"
        " --output {output.summary} --per-class-output {output.per_class} --split {wildcards.split} &> {log}"
