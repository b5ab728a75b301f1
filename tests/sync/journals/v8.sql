CREATE TABLE calls (
    run_id INTEGER NOT NULL,
    crm VARCHAR(40) NOT NULL,
    calls BIGINT NOT NULL,
    noted_at TIMESTAMP NOT NULL,
    PRIMARY KEY (run_id, crm)
);
CREATE TABLE crm_stages (
    crm VARCHAR(40) NOT NULL,
    record_id VARCHAR(80) NOT NULL,
    value VARCHAR(255) NOT NULL,
    given_at TIMESTAMP NOT NULL,
    PRIMARY KEY (crm, record_id)
);
CREATE TABLE crossings (
    crossing_id {serial} NOT NULL,
    run_id INTEGER NOT NULL,
    crm VARCHAR(40) NOT NULL,
    record_id VARCHAR(80) NOT NULL,
    from_stage VARCHAR(60),
    to_stage VARCHAR(60) NOT NULL,
    direction VARCHAR(4) NOT NULL,
    by_hand BOOLEAN NOT NULL,
    at TIMESTAMP NOT NULL,
    told_at TIMESTAMP,
    PRIMARY KEY (crossing_id)
);
CREATE INDEX ix_crossings_run_id ON crossings (run_id);
CREATE TABLE cursors (
    crm VARCHAR(40) NOT NULL,
    stream VARCHAR(80) NOT NULL,
    cursor TEXT NOT NULL,
    rows BIGINT NOT NULL,
    stored_at TIMESTAMP NOT NULL,
    PRIMARY KEY (crm, stream)
);
CREATE TABLE holds (
    crm VARCHAR(40) NOT NULL,
    record_id VARCHAR(80) NOT NULL,
    stage VARCHAR(60) NOT NULL,
    since TIMESTAMP NOT NULL,
    until TIMESTAMP NOT NULL,
    PRIMARY KEY (crm, record_id)
);
CREATE TABLE jobs (
    crm VARCHAR(40) NOT NULL,
    job VARCHAR(80) NOT NULL,
    begun_at TIMESTAMP NOT NULL,
    rows TEXT NOT NULL,
    PRIMARY KEY (crm, job)
);
CREATE TABLE journal_version (
    version INTEGER NOT NULL
);
CREATE TABLE leases (
    name VARCHAR(40) NOT NULL,
    fence BIGINT NOT NULL,
    pid INTEGER,
    host VARCHAR(200),
    acquired_at TIMESTAMP,
    heartbeat_at TIMESTAMP,
    expires_at TIMESTAMP,
    PRIMARY KEY (name)
);
CREATE TABLE model_versions (
    version VARCHAR(80) NOT NULL,
    first_used_at TIMESTAMP NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (version)
);
CREATE TABLE outbox (
    message_id {serial} NOT NULL,
    event_id VARCHAR(80) NOT NULL,
    channel VARCHAR(20) NOT NULL,
    subject VARCHAR(20) NOT NULL,
    event VARCHAR(40) NOT NULL,
    created_at TIMESTAMP NOT NULL,
    body TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_at TIMESTAMP,
    delivered_at TIMESTAMP,
    PRIMARY KEY (message_id)
);
CREATE TABLE rejects (
    crm VARCHAR(40) NOT NULL,
    record_id VARCHAR(80) NOT NULL,
    kind VARCHAR(20) NOT NULL,
    field VARCHAR(120) NOT NULL,
    code VARCHAR(120) NOT NULL,
    message VARCHAR(500) NOT NULL,
    values_hash VARCHAR(32) NOT NULL,
    first_seen TIMESTAMP NOT NULL,
    last_seen TIMESTAMP NOT NULL,
    attempts INTEGER NOT NULL,
    PRIMARY KEY (crm, record_id)
);
CREATE TABLE rollbacks (
    rollback_id {serial} NOT NULL,
    to_version VARCHAR(80) NOT NULL,
    from_version VARCHAR(80) NOT NULL,
    begun_at TIMESTAMP NOT NULL,
    ended_at TIMESTAMP,
    PRIMARY KEY (rollback_id)
);
CREATE TABLE runs (
    run_id {serial} NOT NULL,
    kind VARCHAR(20) NOT NULL,
    started_at TIMESTAMP NOT NULL,
    ended_at TIMESTAMP,
    exit_code INTEGER,
    holder VARCHAR(200) NOT NULL,
    model_version VARCHAR(80) NOT NULL,
    report TEXT,
    PRIMARY KEY (run_id)
);
CREATE TABLE stages (
    crm VARCHAR(40) NOT NULL,
    record_id VARCHAR(80) NOT NULL,
    stage VARCHAR(60) NOT NULL,
    since TIMESTAMP NOT NULL,
    stage_before VARCHAR(60),
    quiet BOOLEAN,
    PRIMARY KEY (crm, record_id)
);
CREATE TABLE erasures (
    digest VARCHAR(64) NOT NULL,
    person VARCHAR(64) NOT NULL,
    erased_at TIMESTAMP NOT NULL,
    PRIMARY KEY (digest)
);
CREATE TABLE erasure_salt (
    salt VARCHAR(64) NOT NULL
);
INSERT INTO journal_version VALUES (8);
INSERT INTO runs (kind, started_at, ended_at, exit_code, holder, model_version, report) VALUES ('sync', '2026-01-02 03:04:05.000000', '2026-01-02 03:05:05.000000', 0, 'process 7 on host', 'm@1', '{"accounts": {"hubspot": "1"}}');
INSERT INTO rejects VALUES ('hubspot', '5', 'contact', 'rating', 'NO', 'no', 'h', '2026-01-01 00:00:00.000000', '2026-01-02 00:00:00.000000', 3);
INSERT INTO stages (crm, record_id, stage, since) VALUES ('hubspot', '6', 'lead', '2026-01-01 00:00:00.000000');
INSERT INTO leases (name, fence) VALUES ('run', 41);
INSERT INTO cursors VALUES ('hubspot', 'records', 'c', 12, '2026-01-02 03:04:06.000000');
INSERT INTO model_versions VALUES ('m@1', '2026-01-01 00:00:00.000000', '{}');
INSERT INTO calls VALUES (1, 'hubspot', 9, '2026-01-02 03:05:00.000000');
INSERT INTO jobs VALUES ('salesforce', 'j1', '2026-01-02 03:04:07.000000', '[]');
INSERT INTO crm_stages VALUES ('hubspot', '6', 'lead', '2026-01-01 00:00:00.000000');
INSERT INTO crossings (run_id, crm, record_id, to_stage, direction, by_hand, at) VALUES (1, 'hubspot', '6', 'lead', 'up', false, '2026-01-01 00:00:00.000000');
INSERT INTO rollbacks (to_version, from_version, begun_at) VALUES ('m@1', 'm@2', '2026-01-02 03:04:05.000000');
INSERT INTO erasure_salt VALUES ('5a17');
