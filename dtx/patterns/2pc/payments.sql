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
    amount   bigint      not null check (amount > 0)
);

-- Marker rows, written by the transaction that does the work: what recovery and auditors go by.
create table payment_effects (
    tx     varchar(40) not null,
    step   varchar(20) not null,
    effect varchar(20) not null check (effect in ('applied', 'undone')),
    amount bigint      not null,
    primary key (tx, step)
);

-- For whom each session works, or worked last: a table in memory, which others see before the transaction ends.
create table at_work (
    session bigint unsigned primary key,
    tx      varchar(40) not null
) engine = memory;

-- Most can pay whatever they order; zoe has nothing, yann and xena have enough for an order or two.
insert into accounts (customer, initial, balance) values
    ('ann', 10000000000, 10000000000), ('ben', 10000000000, 10000000000), ('cleo', 10000000000, 10000000000),
    ('dan', 10000000000, 10000000000), ('eve', 10000000000, 10000000000), ('finn', 10000000000, 10000000000),
    ('gus', 10000000000, 10000000000), ('hana', 10000000000, 10000000000), ('ivan', 10000000000, 10000000000),
    ('jane', 10000000000, 10000000000), ('kim', 10000000000, 10000000000), ('leo', 10000000000, 10000000000),
    ('mia', 10000000000, 10000000000), ('nora', 10000000000, 10000000000), ('omar', 10000000000, 10000000000),
    ('pia', 10000000000, 10000000000), ('quinn', 10000000000, 10000000000),
    ('xena', 2000, 2000), ('yann', 1000, 1000), ('zoe', 0, 0);
