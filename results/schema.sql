-- The database that people query. `study sync` makes it from the files of the store; deleting it loses nothing.
-- Times are UTC. A key is the SHA-256 of everything that can change a phase's numbers: phases that agree are stored once.
-- The view `finals` is made by results/finals.py, because its columns follow the factors and labels of the store.

create table editions (
    edition varchar primary key,
    study varchar,
    profile varchar,
    data varchar,
    design varchar,
    question varchar,
    source varchar,
    overrides json,
    factors json,
    labels varchar[],
    looks integer[],
    settings json,
    claim_hash varchar,
    declared_at timestamp,
    results_before integer,
    planned_at timestamp,
    command varchar,
    revealed_at timestamp,
    revealed_by varchar,
    skipped_clips varchar[]
);
comment on table editions is 'a study with one profile, data set and set of overrides; never mix editions in a mean';
comment on column editions.settings is 'all settings of the control';
comment on column editions.looks is 'seeds at each look, where seeds are added until the claim is decided; else empty';
comment on column editions.results_before is 'final results that existed when the claim was declared; 0 = blind to them';
comment on column editions.revealed_at is 'when its test splits were opened by study reveal; null = sealed';

create table claims (
    edition varchar,
    hash varchar,
    is_current boolean,
    declared_at timestamp,
    results_before integer,
    claim json,
    question json,
    numerics integer,
    finals varchar[]
);
comment on table claims is 'what was claimed before the results, every version ever declared';
comment on column claims.numerics is 'raised by changes of the code that change results; numbers of two are never compared';
comment on column claims.finals is 'keys of the results that it was declared about';

create table arms (
    edition varchar,
    arm varchar,
    position integer,
    is_control boolean,
    replicate integer,
    levels json
);
comment on table arms is 'one level for every factor; exactly one arm of an edition is the control';

create table comparisons (
    edition varchar,
    arm varchar,
    term varchar,
    sign tinyint
);
comment on table comparisons is 'what the difference of an arm adds up: it minus its control; of a change, four terms';

create table trials (
    edition varchar,
    arm varchar,
    seed bigint,
    replicate integer,
    final varchar
);
comment on table trials is 'planned: one arm with one seed; final = key of the phase that holds its numbers';

create table phases (
    edition varchar,
    arm varchar,
    seed bigint,
    replicate integer,
    phase varchar,
    position integer,
    epochs integer,
    key varchar,
    tuning varchar
);
comment on table phases is 'planned: the legs of each trial; several trials, also of several editions, may share a key';
comment on column phases.tuning is 'the levels that the arm tries, of a training before the comparison; else null';

create table tuning (
    edition varchar,
    arm varchar,
    tried varchar,
    position integer,
    levels json,
    seed bigint,
    final varchar,
    chosen boolean
);
comment on table tuning is 'planned: one arm under one combination of tuned levels, with one seed from 1000 up; never among trials';
comment on column tuning.chosen is 'whether the arm has these levels in the comparison; null until it has chosen';

create table runs (
    key varchar,
    attempt integer,
    phase varchar,
    state varchar,
    seed bigint,
    replicate integer,
    epochs integer,
    seconds double,
    peak_memory_bytes bigint,
    parameters bigint,
    started_at timestamp,
    finished_at timestamp,
    commit varchar,
    diff varchar,
    device varchar,
    threads integer,
    world_size integer,
    host varchar,
    command varchar,
    versions json,
    settings json,
    parents json,
    data_fingerprint varchar,
    numerics integer,
    error varchar,
    traceback varchar,
    pruned_by varchar,
    pruned_claim varchar,
    pruned_step integer,
    log varchar,
    sealed_loaded boolean
);
comment on table runs is 'attempts at a phase: done, failed, stopped, pruned, unfinished (running or killed), or damaged';
comment on column runs.seconds is 'training and evaluation of all epochs, those of resumed attempts included';
comment on column runs.numerics is 'raised by changes of the code that change results: never average runs of two';
comment on column runs.epochs is 'epochs that were trained; 0 for a phase that only measures';
comment on column runs.device is 'cpu, cuda ...; of a measurement of inference with its name';
comment on column runs.log is 'path of the log, from the store''s folder';
comment on column runs.pruned_by is 'the edition that gave this attempt up';
comment on column runs.pruned_claim is 'the hash of its claim then: for another claim the trial is not pruned';

create table records (
    key varchar,
    attempt integer,
    metric varchar,
    split varchar,
    step integer,
    value double,
    unit varchar
);
comment on column records.step is 'the epoch; of a measurement of inference the repeat';
comment on table records is 'every measured number; of a key''s attempts only the done one, else the newest that ended';

create table predictions (
    key varchar,
    clip varchar,
    activity varchar,
    split varchar,
    seed bigint,
    motion float,
    scores float[],
    labels utinyint[]
);
comment on table predictions is 'final scores of every clip, in the order of editions.labels; labels are 0 or 1';
comment on column predictions.motion is 'mean change from frame to frame, grey levels from 0 to 255';

create table sources (
    path varchar primary key,
    digest varchar
);
comment on table sources is 'which state of which folder was read: how sync knows what is new';

create view curves as
select editions.study, edition, arm, arms.is_control, phases.seed, phases.replicate, phases.tuning, phase, metric, split,
    step, value, given_up.pruned_claim is not null as pruned
from phases
join editions using (edition)
join arms using (edition, arm)
join records using (key)
left join (select key, pruned_claim, max(pruned_step) as last from runs group by all) as given_up
    on given_up.key = phases.key and given_up.pruned_claim = claim_hash
where phases.key in (select key from runs where state in ('done', 'pruned'))
    and coalesce(step <= given_up.last, true)
    and (records.split not like 'test%' or editions.revealed_at is not null);
comment on view curves is 'every number of every epoch of the finished and pruned phases, for learning curves; what an edition pruned ends there, whoever went on with it';

create view costs as
select editions.study, edition, arm, arms.is_control, phases.seed, phases.replicate, phases.tuning, phase, key, runs.seconds,
    runs.epochs, count(*) over (partition by edition, key) as shared_by, runs.peak_memory_bytes, runs.parameters
from phases
join editions using (edition)
join arms using (edition, arm)
join runs using (key, phase)
where runs.state = 'done';
comment on view costs is 'what each phase of each trial took; sum(seconds / shared_by) counts a shared phase once';
comment on column costs.shared_by is 'how many trials of this edition use the same phase';

create view tuned as
select editions.study, edition, arm, arms.is_control, tuning.tried, tuning.position, tuning.levels, tuning.seed,
    records.split, records.step, value as map, tuning.chosen, final as key
from tuning
join editions using (edition)
join arms using (edition, arm)
join runs on runs.key = final and runs.state = 'done'
join records on records.key = final and metric = 'map' and split like 'val%'
where step = (select max(last.step) from records as last where last.key = final and last.split = records.split);
comment on view tuned is 'last epoch of each finished training of the tuning, before the comparison: what each arm chose its levels by';

create view failures as
select editions.study, edition, phases.arm, phases.seed, phases.replicate, phases.tuning, phases.phase, key, runs.attempt,
    runs.state,
    runs.error, runs.traceback, runs.log, runs.finished_at
from phases
join editions using (edition)
join runs using (key)
where runs.state in ('failed', 'stopped', 'pruned', 'damaged')
    and not exists (from runs as newer where newer.key = phases.key
                    and (newer.state = 'done' or newer.attempt > runs.attempt));
comment on view failures is 'phases without a result whose newest attempt failed, was stopped, was pruned or is damaged';
