from orandnet.dataset.voc import source_files


rule dataset:
    input:
        lists=[str(path) for path in source_files(CONFIG.dataset)],
    output:
        index="results/{run}/dataset/index.csv",
        manifest="results/{run}/dataset/manifest.json",
        ground_truth="results/{run}/dataset/ground_truth.json",
    log:
        "results/{run}/logs/dataset.log",
    conda:
        "../../envs/orandnet.yaml"
    threads: 8  # at most what --cores gives
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        settings=settings(lambda wildcards: CONFIG.dataset),
        code=code("dataset"),
    shell:
        "orandnet dataset --output {output.index} --manifest-output {output.manifest}"
        " --ground-truth-output {output.ground_truth} --threads {threads} --settings {params.settings:q} &> {log}"
