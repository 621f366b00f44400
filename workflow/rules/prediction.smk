from orandnet.prediction.settings import PredictSettings


rule prediction:
    input:
        index=part_of_split("dataset_images"),
        classes=place("dataset_classes"),
        weights=place("segmenter"),
    output:
        place("prediction"),
    log:
        "results/{run}/logs/prediction/{method}/{schedule}/seed{seed}/{split}/{shard}.log",
    priority: 20
    conda:
        ENVIRONMENT
    threads: CONFIG.threads
    resources:
        gpu=GPU,
        gpu_mem_mb=gpu_memory(gpu_jobs.prediction, "method"),
        constraint=gpu_feature(gpu_jobs.prediction, "method"),
        mem_mb=growing(8000),
        runtime=growing(480),
    params:
        settings=settings(lambda wildcards: CONFIG.prediction.narrowed_to(PredictSettings)),
        code=code("prediction"),
    shell:
        "orandnet prediction --index {input.index:q} --weights {input.weights:q} --output {output:q}"
        " --split {wildcards.split} --shard {wildcards.shard} --threads {threads} --gpus {resources.gpu}"
        " --settings {params.settings:q} &> {log:q}"


# of another program
rule prediction_import:
    input:
        index=place("dataset_images", part="val"),
        classes=place("dataset_classes"),
        checked=CHECKED,
    output:
        place("prediction", schedule=IMPORTED, split="val"),
    log:
        f"results/{{run}}/logs/prediction/{{method}}/{IMPORTED}/seed{{seed}}/val/{{shard}}.log",
    wildcard_constraints:
        method=names.any_of(CONFIG.predictions),
    priority: 100  # before any training, which a fault in the files would cost
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(240),
    params:
        # stands for the files, which are too many to be inputs
        files=lambda wildcards: PREDICTION_FINGERPRINTS[wildcards.method],
        settings=settings(lambda wildcards: CONFIG.prediction_import_of(wildcards.method)),
        code=code("prediction"),
    shell:
        "orandnet prediction import --index {input.index:q} --output {output:q}"
        " --shard {wildcards.shard} --settings {params.settings:q} &> {log:q}"
