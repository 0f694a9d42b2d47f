-- The coordinator's log: where each transaction stands, and all that is needed to go on from there.

create table transactions (
    tx          text primary key,
    state       text        not null check (state in ('TRYING', 'CONFIRMING', 'CANCELLING', 'CONFIRMED', 'CANCELLED')),
    branches    jsonb       not null,     -- [{participant, body}]: who is to reserve what
    started_at  timestamptz not null default clock_timestamp(),
    decide_by   timestamptz not null,     -- can't be confirmed any more from then on, by this clock
    entries     integer     not null default 1,
    stuck_since timestamptz
);
create index transactions_unfinished on transactions (tx) where state not in ('CONFIRMED', 'CANCELLED');

-- How it came there: append-only.
create table transaction_log (
    tx    text        not null,
    seq   integer     not null,
    entry text        not null,
    at    timestamptz not null default clock_timestamp(),
    primary key (tx, seq)
);
