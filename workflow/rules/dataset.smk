from orandnet.dataset.settings import FetchSettings


# computing nodes often have no way to the net
localrules:
    dataset_fetch,


rule dataset_fetch:
    output:
        "results/{run}/dataset/fetched.json",
    log:
        "results/{run}/logs/dataset_fetch.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(720),
    params:
        # without the code's fingerprint: what lies under the root stays, whatever the code
        settings=settings(lambda wildcards: CONFIG.dataset.narrowed_to(FetchSettings)),
    shell:
        "orandnet dataset fetch --output {output:q} --settings {params.settings:q} &> {log:q}"


rule dataset:
    input:
        lists=named(lists_of_images),
        fetched="results/{run}/dataset/fetched.json" if CONFIG.dataset.download else [],
    output:
        index="results/{run}/dataset/index.csv",
        manifest="results/{run}/dataset/manifest.json",
        ground_truth="results/{run}/dataset/ground_truth.json",
    log:
        "results/{run}/logs/dataset.log",
    conda:
        ENVIRONMENT
    threads: 8  # at most what --cores gives
    resources:
        # the annotations of COCO are a third of a GB of JSON, its images ten times those of VOC
        mem_mb=growing(12000 if CONFIG.dataset.kind == "coco" else 2000),
        runtime=growing(240 if CONFIG.dataset.kind == "coco" else 60),
    params:
        lists=others(lists_of_images),
        settings=settings(lambda wildcards: CONFIG.dataset),
        code=code("dataset"),
    shell:
        "orandnet dataset --output {output.index:q} --manifest-output {output.manifest:q}"
        " --ground-truth-output {output.ground_truth:q} --threads {threads} --settings {params.settings:q} &> {log:q}"
