rule classifier:
    input:
        index="results/{run}/dataset/index.csv",
        manifest="results/{run}/dataset/manifest.json",
        pretrained=classifier_weights,
    output:
        weights="results/{run}/classifier/{source}/seed{seed}/weights.safetensors",
        history="results/{run}/classifier/{source}/seed{seed}/history.csv",
    log:
        "results/{run}/logs/classifier/{source}/seed{seed}.log",
    conda:
        "../../envs/orandnet.yaml"
    threads: CONFIG.threads
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=600,
    params:
        time_limit=time_limit,
        settings=settings(lambda wildcards: CONFIG.classifier_of(wildcards.source)),
        code=code("classifier"),
    shell:
        "orandnet classifier --index {input.index} --output {output.weights} --history-output {output.history}"
        " --random-seed {wildcards.seed} --threads {threads} --gpus {resources.gpu}"
        " {params.time_limit} --settings {params.settings:q} &> {log}"
