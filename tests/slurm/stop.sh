#!/bin/bash
# Stop the cluster started by start.sh, each daemon by the pid in its own pid file.
RUN=${STUDY_SLURM_RUN:-${TMPDIR:-/tmp}/study-slurm}
export SLURM_CONF=$RUN/etc/slurm.conf
# a daemon that has exited may stay a zombie until pid 1 reaps it (2 s in some containers): count that as gone
alive() { local s; s=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -c1); [ -n "$s" ] && [ "$s" != Z ]; }
stop1() { local f=$1 exe=$2 p; [ -s "$f" ] || return 0; p=$(cat "$f")
  [ "$(basename "$(readlink "/proc/$p/exe" | sed 's/ (deleted)//')" | sed 's/-wlm$//')" = "$exe" ] || { echo "pid $p of $f is not $exe: left alone"; return 0; }
  t=$(date +%s%N); kill "$p"; for _ in $(seq 200); do alive "$p" || { rm -f "$f"; echo "$(( ($(date +%s%N)-t)/1000000 )) ms  $exe"; return 0; }; sleep 0.05; done; echo "$exe did not stop in 10 s: kill -9"; kill -9 "$p"; rm -f "$f"; }
if timeout 5 scontrol ping >/dev/null 2>&1; then scancel --state=PENDING,RUNNING,SUSPENDED --user="$(id -un)" 2>/dev/null
  for _ in $(seq 100); do [ -z "$(squeue -h 2>/dev/null)" ] && break; sleep 0.1; done; fi
for f in "$RUN"/slurmd.*.pid; do stop1 "$f" slurmd & done; wait
stop1 "$RUN/slurmctld.pid" slurmctld
stop1 "$RUN/slurmdbd.pid" slurmdbd
stop1 "$RUN/mariadbd.pid" mariadbd
stop1 "$RUN/munged.pid" munged
echo stopped
