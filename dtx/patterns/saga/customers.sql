-- Customers' credit, in cents. What is reserved never exceeds the limit.

create table customers (
    customer     text primary key,
    credit_limit bigint not null check (credit_limit >= 0),
    reserved     bigint not null default 0 check (reserved >= 0)
);

create table reservations (
    tx       text primary key,
    customer text   not null references customers,
    amount   bigint not null check (amount > 0),
    status   text   not null check (status in ('RESERVED', 'RELEASED'))
);

-- One row for each action and compensation that was ever answered; see dtx.patterns.common.barrier.
create table barrier (
    tx        text not null,
    step      text not null,
    direction text not null check (direction in ('action', 'compensation')),
    answer    text,
    primary key (tx, step, direction)
);

-- What was done and undone, for auditors: append-only.
create table customer_effects (
    tx     text   not null,
    step   text   not null,
    effect text   not null check (effect in ('applied', 'undone')),
    amount bigint not null
);

-- Most have credit for whatever they order; zoe has none, yann and xena have enough for an order or two.
insert into customers (customer, credit_limit)
select customer, 10000000000
from unnest(array['ann', 'ben', 'cleo', 'dan', 'eve', 'finn', 'gus', 'hana', 'ivan', 'jane', 'kim', 'leo',
                  'mia', 'nora', 'omar', 'pia', 'quinn']) as customer
union all
values ('xena', 2000), ('yann', 1000), ('zoe', 0);
