rule segmenter:
    input:
        index="results/{run}/dataset/index.csv",
        manifest="results/{run}/dataset/manifest.json",
        masks=segmenter_masks,
        ground_truth=segmenter_ground_truth,
        initial=initial_weights(CONFIG.segmenter.initial_source),
        pretrained=named(segmenter_weights),
    output:
        weights="results/{run}/segmenter/{method}/{schedule}/seed{seed}/weights.safetensors",
        history="results/{run}/segmenter/{method}/{schedule}/seed{seed}/history.csv",
    log:
        "results/{run}/logs/segmenter/{method}/{schedule}/seed{seed}.log",
    priority: 30
    conda:
        ENVIRONMENT
    threads: CONFIG.threads
    resources:
        gpu=GPU,
        mem_mb=growing(12000),
        runtime=1440,
    params:
        time_limit=time_limit,
        truth=lambda wildcards, input: option("--ground-truth", input.ground_truth),
        initial=lambda wildcards, input: option("--initial-weights", input.initial),
        pretrained=others(segmenter_weights),
        settings=settings(segmenter_settings),
        code=code("segmenter"),
    shell:
        "orandnet segmenter --index {input.index:q} --masks {input.masks:q} {params.truth} {params.initial}"
        " --output {output.weights:q} --history-output {output.history:q} --schedule {wildcards.schedule}"
        " --random-seed {wildcards.seed} --threads {threads} --gpus {resources.gpu}"
        " {params.time_limit} --settings {params.settings:q} &> {log:q}"
