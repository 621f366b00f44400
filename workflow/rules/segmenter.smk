rule segmenter:
    input:
        index="results/{run}/dataset/index.csv",
        manifest="results/{run}/dataset/manifest.json",
        masks=segmenter_masks,
        ground_truth=segmenter_ground_truth,
        initial=initial_weights(CONFIG.segmenter.initial_source),
        pretrained=local_weights(CONFIG.segmenter.backbone),
    output:
        weights="results/{run}/segmenter/{method}/{schedule}/seed{seed}/weights.safetensors",
        history="results/{run}/segmenter/{method}/{schedule}/seed{seed}/history.csv",
    log:
        "results/{run}/logs/segmenter/{method}/{schedule}/seed{seed}.log",
    priority: 30
    conda:
        "../../envs/orandnet.yaml"
    threads: CONFIG.threads
    resources:
        gpu=GPU,
        mem_mb=growing(12000),
        runtime=1440,
    params:
        time_limit=time_limit,
        truth=lambda wildcards, input: f"--ground-truth {input.ground_truth}" if input.ground_truth else "",
        initial=lambda wildcards, input: f"--initial-weights {input.initial}" if input.initial else "",
        settings=settings(segmenter_settings),
        code=code("segmenter"),
    shell:
        "orandnet segmenter --index {input.index} --masks {input.masks} {params.truth} {params.initial}"
        " --output {output.weights} --history-output {output.history} --schedule {wildcards.schedule}"
        " --random-seed {wildcards.seed} --threads {threads} --gpus {resources.gpu}"
        " {params.time_limit} --settings {params.settings:q} &> {log}"
