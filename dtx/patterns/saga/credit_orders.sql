-- Orders on credit, and the saga of each order. An order is PENDING until its saga ends: the semantic lock.

create table orders (
    tx         text primary key,
    customer   text        not null,
    total      bigint      not null check (total > 0),   -- cents
    status     text        not null default 'PENDING' check (status in ('PENDING', 'APPROVED', 'REJECTED')),
    created_at timestamptz not null default clock_timestamp()
);
create index orders_pending on orders (tx) where status = 'PENDING';

-- Where each saga is. `entries` counts its log.
create table sagas (
    tx          text primary key references orders,
    state       text    not null,
    entries     integer not null default 1,
    stuck_since timestamptz
);
create index sagas_unfinished on sagas (tx) where state not in ('APPROVED', 'REJECTED');

-- How it came there: append-only.
create table saga_log (
    tx    text        not null,
    seq   integer     not null,
    entry text        not null,
    at    timestamptz not null default clock_timestamp(),
    primary key (tx, seq)
);

-- What was done and undone, for auditors: append-only.
create table order_effects (
    tx     text   not null,
    step   text   not null,
    effect text   not null check (effect in ('applied', 'undone')),
    amount bigint not null
);
