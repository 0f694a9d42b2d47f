-- Customers' accounts in MariaDB, in cents. balance + captured = initial, always.

create table accounts (
    customer varchar(40) primary key,
    initial  bigint not null,
    balance  bigint not null check (balance >= 0),
    captured bigint not null default 0
);

create table payments (
    tx       varchar(40) primary key,
    customer varchar(40) not null,
    amount   bigint      not null check (amount > 0),
    status   varchar(20) not null check (status in ('CAPTURED', 'REFUNDED'))
);

-- What was done and undone, for auditors: append-only.
create table payment_effects (
    id     bigint unsigned auto_increment primary key,
    tx     varchar(40) not null,
    step   varchar(20) not null,
    effect varchar(20) not null check (effect in ('applied', 'undone')),
    amount bigint      not null
);

-- One row for each action and compensation that was ever answered; see dtx.patterns.common.barrier.
create table barrier (
    tx        varchar(40) not null,
    step      varchar(20) not null,
    direction varchar(20) not null check (direction in ('action', 'compensation')),
    answer    varchar(20),
    primary key (tx, step, direction)
);

-- Most can pay whatever they order; zoe has nothing, yann and xena have enough for an order or two.
insert into accounts (customer, initial, balance) values
    ('ann', 10000000000, 10000000000), ('ben', 10000000000, 10000000000), ('cleo', 10000000000, 10000000000),
    ('dan', 10000000000, 10000000000), ('eve', 10000000000, 10000000000), ('finn', 10000000000, 10000000000),
    ('gus', 10000000000, 10000000000), ('hana', 10000000000, 10000000000), ('ivan', 10000000000, 10000000000),
    ('jane', 10000000000, 10000000000), ('kim', 10000000000, 10000000000), ('leo', 10000000000, 10000000000),
    ('mia', 10000000000, 10000000000), ('nora', 10000000000, 10000000000), ('omar', 10000000000, 10000000000),
    ('pia', 10000000000, 10000000000), ('quinn', 10000000000, 10000000000),
    ('xena', 2000, 2000), ('yann', 1000, 1000), ('zoe', 0, 0);
