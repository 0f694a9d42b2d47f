-- Transfers between banks, and the saga of each transfer, which is PENDING until its saga ends.

create table transfers (
    tx         text primary key,
    from_bank  text        not null,
    payer      text        not null,
    to_bank    text        not null,
    payee      text        not null,
    amount     bigint      not null check (amount > 0),   -- cents
    status     text        not null default 'PENDING' check (status in ('PENDING', 'COMPLETED', 'REJECTED')),
    created_at timestamptz not null default clock_timestamp()
);
create index transfers_pending on transfers (tx) where status = 'PENDING';

-- Where each saga is. `entries` counts its log.
create table sagas (
    tx          text primary key references transfers,
    state       text    not null,
    entries     integer not null default 1,
    stuck_since timestamptz
);
create index sagas_unfinished on sagas (tx) where state not in ('COMPLETED', 'REJECTED');

-- How it came there: append-only.
create table saga_log (
    tx    text        not null,
    seq   integer     not null,
    entry text        not null,
    at    timestamptz not null default clock_timestamp(),
    primary key (tx, seq)
);

-- What was done and undone, for auditors: append-only.
create table transfer_effects (
    tx     text   not null,
    step   text   not null,
    effect text   not null check (effect in ('applied', 'undone')),
    amount bigint not null
);
