-- One bank's accounts in PostgreSQL, in cents. balance = initial + what the movements changed, always.

create table accounts (
    customer  text primary key,
    initial   bigint  not null,
    balance   bigint  not null check (balance >= 0),
    is_closed boolean not null default false      -- takes no deposits
);

-- What each transfer changed here: less than 0 where money left.
create table movements (
    tx       text primary key,
    customer text   not null references accounts,
    change   bigint not null check (change <> 0)
);

-- Marker rows, written by the transaction that does the work: what recovery and auditors go by.
create table bank_effects (
    tx     text   not null,
    step   text   not null,
    effect text   not null check (effect in ('applied', 'undone')),
    amount bigint not null,
    primary key (tx, step)
);

-- Few, and so hot. zoe has nothing at either bank; uma's, vic's and walt's accounts take no deposits.
insert into accounts (customer, initial, balance, is_closed) values
    ('ann', 100000000, 100000000, false), ('ben', 100000000, 100000000, false),
    ('cleo', 100000000, 100000000, false), ('dan', 100000000, 100000000, false),
    ('eve', 100000000, 100000000, false), ('finn', 100000000, 100000000, false),
    ('gus', 100000000, 100000000, false), ('hana', 100000000, 100000000, false),
    ('ivan', 100000000, 100000000, false), ('jane', 100000000, 100000000, false),
    ('kim', 100000000, 100000000, false), ('leo', 100000000, 100000000, false),
    ('uma', 100000000, 100000000, true), ('vic', 100000000, 100000000, true),
    ('walt', 100000000, 100000000, true), ('zoe', 0, 0, false);

-- Many that nobody has to wait for; every third takes no deposits.
insert into accounts (customer, initial, balance, is_closed)
select 'c' || n, 100000, 100000, n % 3 = 0 from generate_series(1, 5000) as n;
