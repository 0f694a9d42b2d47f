-- The decision log of all transaction managers: one row for each transaction that is decided, the first one counts.
-- What has no row is not committed (presumed abort).

create table decisions (
    tm_group     text        not null,
    tx           text        not null,
    attempt      text        not null,
    decision     text        not null check (decision in ('commit', 'abort')),
    decided_at   timestamptz not null default clock_timestamp(),
    forgotten_at timestamptz,              -- every branch of a commit is committed
    stuck_since  timestamptz,              -- an operator should look
    primary key (tm_group, tx)
);
create index decisions_open on decisions (tm_group) where decision = 'commit' and forgotten_at is null;
