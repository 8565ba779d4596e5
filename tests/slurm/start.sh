#!/bin/bash
# Start a one-machine Slurm cluster with accounting, as the calling user, under $STUDY_SLURM_RUN.
# usage: start.sh          fresh cluster (wipes the run dir); tests/slurm/conftest.py calls it
#        start.sh --keep   keep state, database and job ids
# then:  . $STUDY_SLURM_RUN/env.sh
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
export STUDY_SLURM_RUN=${STUDY_SLURM_RUN:-${TMPDIR:-/tmp}/study-slurm}
RUN=$STUDY_SLURM_RUN
B=${STUDY_SLURM_PORT_BASE:-26800}          # ports B .. B+14
NODES=${STUDY_SLURM_NODES:-4}
# Node names: "n" -> n1 n2 ..: names that do not resolve. "127.0.0." -> 127.0.0.1 127.0.0.2 ..: they do, so that
# submitit's TorchDistributedEnvironment gets a usable MASTER_ADDR with no /etc/hosts entry.
PREFIX=${STUDY_SLURM_NODE_PREFIX:-127.0.0.}
SCHED=${STUDY_SLURM_SCHED:-batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1}
CRED_EXPIRE=${STUDY_SLURM_CRED_EXPIRE:-5}
# A fresh cluster would count jobs from 1 again, and submitit takes an old <id>_0_result.pkl in its folder for the answer.
FIRST=$(( $(date +%s) % 6000000 * 10 + 1 ))
ME=$(id -un); HOST=$(hostname -s)
export PATH=$PATH:/usr/sbin:/sbin
t0=$(date +%s.%N); step() { printf '%6.2fs  %s\n' "$(echo "$(date +%s.%N) - $t0" | bc 2>/dev/null || python3 -c "import time;print(time.time()-$t0)")" "$*"; }
waitfor() { # waitfor SECONDS WHAT CMD...
  local end=$(( SECONDS + $1 )) what=$2; shift 2
  until "$@" >/dev/null 2>&1; do [ $SECONDS -lt $end ] || { echo "FAILED: $what ($*)" >&2; "$@" >&2 || true; tail -n 5 "$RUN"/log/*.log >&2; exit 1; }; sleep 0.05; done; step "$what"; }
for p in munged mariadbd slurmdbd slurmctld; do
  if [ -s "$RUN/$p.pid" ] && kill -0 "$(cat "$RUN/$p.pid")" 2>/dev/null; then echo "$p is already up, run stop.sh first" >&2; exit 1; fi; done
[ "${1:-}" = --keep ] || rm -rf "$RUN"
mkdir -p "$RUN"/{etc,log,state,spool,munge,dev,db,tmp}
chmod 755 "$RUN" "$RUN/munge" "$RUN/log" "$RUN/etc"; chmod 700 "$RUN/state"
for i in 0 1; do ln -sfn /dev/null "$RUN/dev/gpu$i"; done   # slurm wants character devices; links to one will do
for f in slurm.conf slurmdbd.conf gres.conf; do
  sed -e "s|@RUN@|$RUN|g; s|@HOST@|$HOST|g; s|@USER@|$ME|g; s|@SCHED@|$SCHED|g; s|@CRED_EXPIRE@|$CRED_EXPIRE|g" \
      -e "s|@P_CTLD@|$B|g; s|@P_DBD@|$((B+1))|g; s|@P_SQL@|$((B+2))|g; s|@P_SLURMD@|$((B+3))|g; s|@P_NODES@|$((B+11))-$((B+10+NODES))|g" \
      -e "s|n\[1-4\]|${PREFIX}[1-$NODES]|g; s|@FIRST@|$FIRST|g" "$HERE/$f" > "$RUN/etc/$f"
done
chmod 600 "$RUN/etc/slurmdbd.conf"
cat > "$RUN/env.sh" <<X
export SLURM_CONF=$RUN/etc/slurm.conf STUDY_SLURM_RUN=$RUN
X
export SLURM_CONF=$RUN/etc/slurm.conf
# 1 munge: private key and socket
[ -s "$RUN/munge/key" ] || { head -c 128 /dev/urandom > "$RUN/munge/key"; chmod 400 "$RUN/munge/key"; }
munged --force --key-file="$RUN/munge/key" --socket="$RUN/munge/munge.sock" --pid-file="$RUN/munged.pid" \
       --log-file="$RUN/munge/munged.log" --seed-file="$RUN/munge/seed" --num-threads=4 > "$RUN/log/munged.out" 2>&1
waitfor 5 "munged" munge -S "$RUN/munge/munge.sock" -n
# 2 MariaDB: private data dir, 127.0.0.1 only
SQL="mariadb --no-defaults -uroot --socket=$RUN/db.sock"
if [ ! -d "$RUN/db/mysql" ]; then
  mariadb-install-db --no-defaults --user="$ME" --datadir="$RUN/db" --auth-root-authentication-method=normal \
     --skip-test-db --innodb-flush-method=nosync --innodb-doublewrite=0 > "$RUN/log/mariadb-install.log" 2>&1; step "mariadb-install-db"
fi
setsid mariadbd --no-defaults --user="$ME" --datadir="$RUN/db" --socket="$RUN/db.sock" --pid-file="$RUN/mariadbd.pid" \
   --bind-address=127.0.0.1 --port=$((B+2)) --tmpdir="$RUN/tmp" --skip-log-bin --skip-name-resolve --innodb-buffer-pool-size=64M \
   --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --innodb-flush-method=nosync --innodb-lock-wait-timeout=900 --performance-schema=0 \
   > "$RUN/log/mariadbd.log" 2>&1 < /dev/null &
waitfor 20 "mariadbd" $SQL -e 'select 1'
$SQL -e "create database if not exists slurm_acct_db; create user if not exists slurm@'127.0.0.1' identified by 'slurm'; grant all on slurm_acct_db.* to slurm@'127.0.0.1';"
# 3 slurmdbd
(cd "$RUN/log" && setsid slurmdbd < /dev/null > "$RUN/log/slurmdbd.out" 2>&1)
waitfor 30 "slurmdbd answers" sacctmgr -n -i list cluster
[ -n "$(sacctmgr -n -P list cluster name=lab format=cluster)" ] || sacctmgr -i add cluster lab > "$RUN/log/sacctmgr.log" 2>&1
# 4 slurmctld, 5 one slurmd per virtual node
(cd "$RUN/log" && setsid slurmctld < /dev/null > "$RUN/log/slurmctld.out" 2>&1)
waitfor 20 "slurmctld answers" scontrol ping
for i in $(seq "$NODES"); do n=$PREFIX$i; mkdir -p "$RUN/spool/$n"; (cd "$RUN/log" && setsid slurmd -N "$n" < /dev/null > "$RUN/log/slurmd.$n.out" 2>&1); done
allidle() { [ "$(sinfo -h -N -p low -t idle -o %N | wc -l)" = "$NODES" ]; }
waitfor 30 "$NODES nodes idle" allidle
echo "up. Next:  . $RUN/env.sh"
