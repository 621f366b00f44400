rule refinement_crf:
    input:
        index=place("dataset_images", part="train_aug"),
        classes=place("dataset_classes"),
        cams=planned(cams.unrefined_shard),
        otsu=planned(thresholds.otsu_of_refinement),
    output:
        place("refinement"),
    log:
        "results/{run}/logs/refinement/{method}/seed{seed}/{shard}.log",
    wildcard_constraints:
        method=names.any_of(names.refined_by(CONFIG, "crf")),
    priority: 50
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(240),
    params:
        otsu=lambda wildcards, input: option("--otsu", input.otsu),
        settings=settings(planned(thresholds.crf_settings)),
        code=code("refinement"),
    shell:
        "orandnet refinement crf --index {input.index:q} --cams {input.cams:q} {params.otsu} {input.otsu:q}"
        " --output {output:q} --shard {wildcards.shard} --settings {params.settings:q} &> {log:q}"


rule refinement_sam:
    input:
        index=place("dataset_images", part="train_aug"),
        classes=place("dataset_classes"),
        cams=planned(cams.unrefined_shard),
        otsu=planned(thresholds.otsu_of_refinement),
    output:
        place("refinement"),
    log:
        "results/{run}/logs/refinement/{method}/seed{seed}/{shard}.log",
    wildcard_constraints:
        method=names.any_of(names.refined_by(CONFIG, "sam")),
    priority: 50
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(240),
    params:
        otsu=lambda wildcards, input: option("--otsu", input.otsu),
        # stands for the files, which are too many to be inputs
        files=SEGMENT_FINGERPRINT,
        settings=settings(planned(thresholds.sam_settings)),
        code=code("refinement"),
    shell:
        "orandnet refinement sam --index {input.index:q} --cams {input.cams:q} {params.otsu} {input.otsu:q}"
        " --output {output:q} --shard {wildcards.shard} --settings {params.settings:q} &> {log:q}"


rule refinement_superpixels:
    input:
        index=place("dataset_images", part="train_aug"),
        classes=place("dataset_classes"),
        cams=planned(cams.unrefined_shard),
        otsu=planned(thresholds.otsu_of_refinement),
    output:
        place("refinement"),
    log:
        "results/{run}/logs/refinement/{method}/seed{seed}/{shard}.log",
    wildcard_constraints:
        method=names.any_of(names.refined_by(CONFIG, "superpixels")),
    priority: 50
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(240),
    params:
        otsu=lambda wildcards, input: option("--otsu", input.otsu),
        settings=settings(planned(thresholds.superpixel_settings)),
        code=code("refinement"),
    shell:
        "orandnet refinement superpixels --index {input.index:q} --cams {input.cams:q} {params.otsu} {input.otsu:q}"
        " --output {output:q} --shard {wildcards.shard} --settings {params.settings:q} &> {log:q}"
