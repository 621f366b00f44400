rule irn_labels:
    input:
        index="results/{run}/dataset/index.csv",
        manifest="results/{run}/dataset/manifest.json",
        cams=cam_shard("cam"),
    output:
        "results/{run}/irn/{cam}/seed{seed}/labels/{shard}.csv",
    log:
        "results/{run}/logs/irn/{cam}/seed{seed}/labels/{shard}.log",
    priority: 50
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(240),
    params:
        settings=settings(lambda wildcards: CONFIG.irn_of(wildcards.cam).labels),
        code=code("irn"),
    shell:
        "orandnet irn labels --index {input.index:q} --cams {input.cams:q} --output {output:q}"
        " --shard {wildcards.shard} --settings {params.settings:q} &> {log:q}"


rule irn:
    input:
        index="results/{run}/dataset/index.csv",
        manifest="results/{run}/dataset/manifest.json",
        labels=expand("results/{run}/irn/{cam}/seed{seed}/labels/{shard}.csv", shard=SHARDS, allow_missing=True),
        initial=initial_weights(CONFIG.irn.initial_source),
        pretrained=named(irn_weights),
    output:
        weights="results/{run}/irn/{cam}/seed{seed}/weights.safetensors",
        history="results/{run}/irn/{cam}/seed{seed}/history.csv",
    log:
        "results/{run}/logs/irn/{cam}/seed{seed}.log",
    priority: 50
    conda:
        ENVIRONMENT
    threads: CONFIG.threads
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=240,
    params:
        time_limit=time_limit,
        initial=lambda wildcards, input: option("--initial-weights", input.initial),
        pretrained=others(irn_weights),
        settings=settings(lambda wildcards: CONFIG.irn_of(wildcards.cam).boundary),
        code=code("irn"),
    shell:
        "orandnet irn train --index {input.index:q} --labels {input.labels:q} {params.initial}"
        " --output {output.weights:q} --history-output {output.history:q} --random-seed {wildcards.seed}"
        " --threads {threads} --gpus {resources.gpu} {params.time_limit} --settings {params.settings:q} &> {log:q}"


rule irn_walk:
    input:
        index="results/{run}/dataset/index.csv",
        manifest="results/{run}/dataset/manifest.json",
        cams=cam_shard("cam"),
        weights="results/{run}/irn/{cam}/seed{seed}/weights.safetensors",
    output:
        "results/{run}/irn/{cam}/seed{seed}/walk/{shard}.npz",
    log:
        "results/{run}/logs/irn/{cam}/seed{seed}/walk/{shard}.log",
    priority: 50
    conda:
        ENVIRONMENT
    threads: CONFIG.threads
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        settings=settings(lambda wildcards: CONFIG.irn_of(wildcards.cam).walk),
        code=code("irn"),
    shell:
        "orandnet irn walk --index {input.index:q} --cams {input.cams:q} --weights {input.weights:q}"
        " --output {output:q} --threads {threads} --shard {wildcards.shard} --gpus {resources.gpu}"
        " --settings {params.settings:q} &> {log:q}"
