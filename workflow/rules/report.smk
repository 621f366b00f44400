rule tables:
    input:
        summaries=[
            f"results/{{run}}/evaluation/cam/{method}/seed{seed}/summary.csv"
            for method in (CONFIG.cam_methods if CONFIG.dataset.scored else [])
            for seed in seeds_of(method)
        ],
        predictions=[
            f"results/{{run}}/evaluation/prediction/{method}/{schedule}/seed{seed}/{split}/summary.csv"
            for method, schedule in trainings()
            for seed in CONFIG.seeds
            for split in scored_splits()
        ],
    output:
        pseudo_masks=report(
            "results/{run}/tables/table1_pseudo_masks.csv",
            caption="../report/table1.rst",
            category="Tables",
            labels={"table": "1 pseudo masks"},
        ),
        segmentation=report(
            "results/{run}/tables/table2_segmentation.csv",
            caption="../report/table2.rst",
            category="Tables",
            labels={"table": "2 segmentation"},
        ),
        variants=report(
            "results/{run}/tables/table2_variants.csv",
            caption="../report/table2_variants.rst",
            category="Tables",
            labels={"table": "2 segmentation by inference"},
        ),
        scale_scheduling=report(
            "results/{run}/tables/table3_scale_scheduling.csv",
            caption="../report/table3.rst",
            category="Tables",
            labels={"table": "3 scale scheduling"},
        ),
    log:
        "results/{run}/logs/report/tables.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        settings=settings(lambda wildcards: report_settings()),
        code=code("report"),
    shell:
        "orandnet report tables --summaries {input.summaries:q} --predictions {input.predictions:q}"
        " --pseudo-masks-output {output.pseudo_masks:q} --segmentation-output {output.segmentation:q}"
        " --variants-output {output.variants:q} --scale-scheduling-output {output.scale_scheduling:q}"
        " --settings {params.settings:q} &> {log:q}"


rule figures:
    input:
        index="results/{run}/dataset/index.csv",
        manifest="results/{run}/dataset/manifest.json",
        ground_truth="results/{run}/dataset/ground_truth.json",
        curves=lambda wildcards: [
            f"results/{wildcards.run}/evaluation/cam/{method}/seed{seed}/curve.csv"
            for method in curve_methods(wildcards.ensemble)
            for seed in seeds_of(method)
        ],
        cams=lambda wildcards: [
            f"results/{wildcards.run}/{cam_folder(method, CONFIG.seeds[0])}/{shard}.npz"
            for method in curve_methods(wildcards.ensemble)
            for shard in SHARDS
        ],
        masks=lambda wildcards: [
            f"results/{wildcards.run}/pseudo_mask/{method}/seed{CONFIG.seeds[0]}/{shard}.csv"
            for method in panel_masks(wildcards.ensemble)
            for shard in SHARDS
        ],
    output:
        curves=report(
            "results/{run}/figures/curves_{ensemble}.png",
            caption="../report/curves.rst",
            category="Figures",
            labels={"figure": "threshold curves", "ensemble": "{ensemble}"},
        ),
        panels=report(
            "results/{run}/figures/panels_{ensemble}.png",
            caption="../report/panels.rst",
            category="Figures",
            labels={"figure": "panels", "ensemble": "{ensemble}"},
        ),
    log:
        "results/{run}/logs/report/figures_{ensemble}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        settings=settings(lambda wildcards: report_settings()),
        code=code("report"),
    shell:
        "orandnet report figures --index {input.index:q} --ground-truth {input.ground_truth:q}"
        " --curves {input.curves:q} --cams {input.cams:q} --masks {input.masks:q} --curves-output {output.curves:q}"
        " --panels-output {output.panels:q} --settings {params.settings:q} &> {log:q}"
