rule classifier:
    input:
        index="results/{run}/dataset/index.csv",
        manifest="results/{run}/dataset/manifest.json",
        pretrained=named(classifier_weights),
    output:
        weights="results/{run}/classifier/{source}/seed{seed}/weights.safetensors",
        history="results/{run}/classifier/{source}/seed{seed}/history.csv",
    log:
        "results/{run}/logs/classifier/{source}/seed{seed}.log",
    wildcard_constraints:
        source="|".join(name for name in TRAINED if name not in SEEDED) or NO_NAME,
    priority: 90
    conda:
        ENVIRONMENT
    threads: CONFIG.threads
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=600,
    params:
        time_limit=time_limit,
        pretrained=others(classifier_weights),
        settings=settings(lambda wildcards: CONFIG.classifier_of(wildcards.source)),
        code=code("classifier"),
    shell:
        "orandnet classifier --index {input.index:q} --output {output.weights:q} --history-output {output.history:q}"
        " --random-seed {wildcards.seed} --threads {threads} --gpus {resources.gpu}"
        " {params.time_limit} --settings {params.settings:q} &> {log:q}"


# trained on what another source's CAM is sure of
rule classifier_amn:
    input:
        index="results/{run}/dataset/index.csv",
        manifest="results/{run}/dataset/manifest.json",
        labels=seed_labels,
        initial=seed_weights,
        pretrained=named(classifier_weights),
    output:
        weights="results/{run}/classifier/{source}/seed{seed}/weights.safetensors",
        history="results/{run}/classifier/{source}/seed{seed}/history.csv",
    log:
        "results/{run}/logs/classifier/{source}/seed{seed}.log",
    wildcard_constraints:
        source="|".join(SEEDED) or NO_NAME,
    priority: 90
    conda:
        ENVIRONMENT
    threads: CONFIG.threads
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=600,
    params:
        time_limit=time_limit,
        initial=lambda wildcards, input: option("--initial-weights", input.initial),
        pretrained=others(classifier_weights),
        settings=settings(lambda wildcards: CONFIG.classifier_of(wildcards.source)),
        code=code("classifier"),
    shell:
        "orandnet classifier --index {input.index:q} --labels {input.labels:q} {params.initial}"
        " --output {output.weights:q} --history-output {output.history:q} --random-seed {wildcards.seed}"
        " --threads {threads} --gpus {resources.gpu} {params.time_limit} --settings {params.settings:q} &> {log:q}"
