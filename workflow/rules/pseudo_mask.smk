rule pseudo_mask:
    input:
        index=place("dataset_images", part="train_aug"),
        classes=place("dataset_classes"),
        cams=planned(cams.cam_shard),
        # only a threshold that is tuned on ground truth reads the evaluation's curve
        curve=[] if CONFIG.pseudo_mask.threshold_rule == "fixed" else place("evaluation_cam", scores="curve"),
    output:
        masks=place("pseudo_mask"),
        threshold=place("pseudo_mask_threshold"),
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
        "orandnet pseudo_mask --index {input.index:q} --cams {input.cams:q} {params.curve} {input.curve:q}"
        " --output {output.masks:q} --threshold-output {output.threshold:q} --shard {wildcards.shard}"
        " --settings {params.settings:q} &> {log:q}"
