-- The decision log of all transaction managers: one row for each transaction that is decided, the first one counts.
-- What has no row is not committed (presumed abort).

create table decisions (
    tm_group     text        not null,
    tx           text        not null,
    attempt      text        not null,
    decision     text        not null check (decision in ('commit', 'abort')),
    participants text        not null default '',    -- of a commit: who voted Yes, separated by spaces
    epoch        bigint      not null,     -- of the lease, when it was decided
    decided_at   timestamptz not null default clock_timestamp(),
    forgotten_at timestamptz,              -- every branch has ended as decided; of an abort only if it was stuck
    stuck_since  timestamptz,              -- an operator should look
    primary key (tm_group, tx),
    check ((participants <> '') = (decision = 'commit'))
);
create index decisions_open on decisions (tm_group) where decision = 'commit' and forgotten_at is null;
create index decisions_stuck on decisions (tm_group) where stuck_since is not null;

-- Who leads a group of managers. A decision counts only in the epoch that stands here when it is written.
create table leases (
    tm_group   text        primary key,
    holder     text        not null,
    epoch      bigint      not null,
    expires_at timestamptz not null,
    unique (tm_group, epoch)               -- so that a takeover conflicts with `for key share`, and a renewal does not
);
