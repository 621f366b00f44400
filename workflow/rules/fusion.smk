rule fusion:
    input:
        cams=planned(cams.member_shards),
    output:
        or_cams=place("fusion", operator="or"),
        and_cams=place("fusion", operator="and"),
        mean_cams=place("fusion", operator="mean"),
    log:
        "results/{run}/logs/fusion/{ensemble}/seed{seed}/{shard}.log",
    priority: 70
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        members=lambda wildcards: " ".join(CONFIG.ensembles[wildcards.ensemble].members),
        settings=settings(lambda wildcards: CONFIG.fusion_of(wildcards.ensemble)),
        code=code("fusion"),
    shell:
        "orandnet fusion --members {params.members} --cams {input.cams:q} --or-output {output.or_cams:q}"
        " --and-output {output.and_cams:q} --mean-output {output.mean_cams:q} --settings {params.settings:q} &> {log:q}"


# apart from the others: only an ensemble whose output is the sum needs it, and it costs as much disk as they do
rule fusion_sum:
    input:
        cams=planned(cams.member_shards),
    output:
        place("fusion", operator="sum"),
    log:
        "results/{run}/logs/fusion_sum/{ensemble}/seed{seed}/{shard}.log",
    priority: 70
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        members=lambda wildcards: " ".join(CONFIG.ensembles[wildcards.ensemble].members),
        settings=settings(lambda wildcards: CONFIG.fusion_of(wildcards.ensemble)),
        code=code("fusion"),
    shell:
        "orandnet fusion --members {params.members} --cams {input.cams:q} --sum-output {output:q}"
        " --settings {params.settings:q} &> {log:q}"
