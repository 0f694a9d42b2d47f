-- Customers' accounts, in cents. balance + frozen + captured = initial, always.

create table accounts (
    customer text primary key,
    initial  bigint not null,
    balance  bigint not null check (balance >= 0),
    frozen   bigint not null default 0,
    captured bigint not null default 0
);

create table reservations (
    tx         text primary key,
    customer   text        not null references accounts,
    amount     bigint      not null check (amount > 0),
    status     text        not null check (status in ('TRIED', 'CONFIRMED', 'CANCELLED')),
    since      timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null
);
create index reservations_tried on reservations (expires_at) where status = 'TRIED';

-- One row for each try, cancel and confirm that was ever answered; see dtx.patterns.common.barrier.
create table barrier (
    tx        text not null,
    step      text not null check (step in ('try', 'confirm')),
    direction text not null check (direction in ('action', 'compensation')),
    answer    text,
    primary key (tx, step, direction)
);

-- What was confirmed, for auditors: append-only.
create table payment_effects (
    tx     text   not null,
    step   text   not null,
    effect text   not null check (effect in ('applied', 'undone')),
    amount bigint not null
);

-- Most can pay whatever they order; zoe has nothing, yann and xena have enough for an order or two.
insert into accounts (customer, initial, balance)
select customer, cents, cents
from (
    select customer, 10000000000 as cents
    from unnest(array['ann', 'ben', 'cleo', 'dan', 'eve', 'finn', 'gus', 'hana', 'ivan', 'jane', 'kim', 'leo',
                      'mia', 'nora', 'omar', 'pia', 'quinn']) as customer
    union all
    values ('xena', 2000), ('yann', 1000), ('zoe', 0)
) as customers;
