-- One bank's accounts, in cents. balance = initial + what the standing movements changed, always.

create table accounts (
    account   text primary key,
    initial   bigint  not null,
    balance   bigint  not null check (balance >= 0),
    is_closed boolean not null default false      -- takes no deposits
);

-- What each transfer changed here: less than 0 where money left. A return makes a movement UNDONE.
create table movements (
    tx      text primary key,
    account text   not null references accounts,
    change  bigint not null check (change <> 0),
    status  text   not null check (status in ('STANDS', 'UNDONE'))
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
create table bank_effects (
    tx     text   not null,
    step   text   not null,
    effect text   not null check (effect in ('applied', 'undone')),
    amount bigint not null
);

-- Ten can pay whatever they transfer; zoe has nothing, and walt's account is closed.
insert into accounts (account, initial, balance, is_closed)
select account, 100000000, 100000000, false
from unnest(array['ann', 'ben', 'cleo', 'dan', 'eve', 'finn', 'gus', 'hana', 'ivan', 'jane']) as account
union all
values ('walt', 0, 0, true), ('zoe', 0, 0, false);
