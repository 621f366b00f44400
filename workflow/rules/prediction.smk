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
