#!/usr/bin/env bash
# Lists the SLURM jobs that earlier runs of Snakemake in a folder have left in the queue; --cancel also cancels them.
# For use after the head process was killed, before `snakemake --unlock`: a new run does not find them again, and would
# start the same work beside them.
#
#     bash profiles/slurm/orphans.sh [--cancel] [FOLDER]      FOLDER: where snakemake was started; default: here
set -euo pipefail
cancel=no
if [ "${1:-}" = --cancel ]; then cancel=yes; shift; fi
folder=${1:-.}
[ -d "$folder/.snakemake/log" ] || { echo "$folder: no run of snakemake was started here" >&2; exit 1; }

# each run logs "SLURM run ID: <id>", which is the name of all its jobs
found=0
for run in $(cat "$folder"/.snakemake/log/*.log | sed -n 's/^.*SLURM run ID: *\([^ ]*\).*$/\1/p' | sort -u); do
  while read -r job; do
    found=$((found + 1))
    echo "$job"
  done < <(squeue --noheader --name "$run" --format '%A %T %k %N')
  if [ "$cancel" = yes ]; then scancel --name "$run"; fi
done
echo "$found jobs of earlier runs$([ "$cancel" = no ] || echo ", cancelled")"
