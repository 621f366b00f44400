rule cam:
    input:
        index=place("dataset_images", part="train_aug"),
        classes=place("dataset_classes"),
        weights=place("classifier"),
        labels=planned(trainings.raw_background_labels),
    output:
        place("cam"),
    log:
        "results/{run}/logs/cam/{source}/seed{seed}/{shard}.log",
    priority: 80
    conda:
        ENVIRONMENT
    threads: READING_AHEAD
    resources:
        gpu=GPU,
        gpu_mem_mb=gpu_memory(gpu_jobs.cam, "source"),
        constraint=gpu_feature(gpu_jobs.cam, "source"),
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        labels=lambda wildcards, input: option("--labels", input.labels),
        settings=settings(lambda wildcards: CONFIG.cam_of(wildcards.source)),
        code=code("cam"),
    shell:
        "orandnet cam --index {input.index:q} --weights {input.weights:q} {params.labels} {input.labels:q}"
        " --output {output:q} --shard {wildcards.shard} --gpus {resources.gpu} --settings {params.settings:q} &> {log:q}"


rule cam_import:
    input:
        index=place("dataset_images", part="train_aug"),
        classes=place("dataset_classes"),
        checked=CHECKED,
    output:
        place("cam_import"),
    log:
        "results/{run}/logs/cam/{source}/imported/{shard}.log",
    wildcard_constraints:
        source=names.any_of(CONFIG.imported),
    priority: 100  # before any training, which a fault in the files would cost
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(240),
    params:
        # stands for the files, which are too many to be inputs
        files=lambda wildcards: IMPORT_FINGERPRINTS[wildcards.source],
        settings=settings(lambda wildcards: CONFIG.import_of(wildcards.source)),
        code=code("cam"),
    shell:
        "orandnet cam import --index {input.index:q} --output {output:q}"
        " --shard {wildcards.shard} --settings {params.settings:q} &> {log:q}"


rule cam_text:
    input:
        classes=place("dataset_classes"),
        checked=CHECKED,
        weights=named(planned(trainings.pretrained_clip_text)),
    output:
        place("cam_text"),
    log:
        "results/{run}/logs/cam/{source}/clip/text.log",
    wildcard_constraints:
        source=names.any_of(CONFIG.clips),
    priority: 100  # before any training, which a fault in the words would cost
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        weights=others(planned(trainings.pretrained_clip_text)),
        settings=settings(lambda wildcards: CONFIG.clip_text_of(wildcards.source)),
        code=code("cam"),
    shell:
        "orandnet cam text --classes {input.classes:q} --output {output:q} --settings {params.settings:q} &> {log:q}"


rule cam_clip:
    input:
        index=place("dataset_images", part="train_aug"),
        classes=place("dataset_classes"),
        features=planned(cams.word_features),
        checked=CHECKED,
        weights=named(planned(trainings.pretrained_clip)),
    output:
        place("cam_clip"),
    log:
        "results/{run}/logs/cam/{source}/clip/{shard}.log",
    wildcard_constraints:
        source=names.any_of(CONFIG.clips),
    priority: 100
    conda:
        ENVIRONMENT
    threads: CONFIG.threads
    resources:
        gpu=GPU,
        gpu_mem_mb=gpu_memory(gpu_jobs.cam_clip, "source"),
        constraint=gpu_feature(gpu_jobs.cam_clip, "source"),
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        weights=others(planned(trainings.pretrained_clip)),
        settings=settings(lambda wildcards: CONFIG.clip_of(wildcards.source)),
        code=code("cam"),
    shell:
        "orandnet cam clip --index {input.index:q} --features {input.features:q} --output {output:q}"
        " --shard {wildcards.shard} --gpus {resources.gpu} --settings {params.settings:q} &> {log:q}"
