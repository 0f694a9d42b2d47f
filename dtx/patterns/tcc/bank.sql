-- One bank's accounts, in cents. balance + frozen = initial + what the confirmed reservations changed, always.

create table accounts (
    account   text primary key,
    initial   bigint  not null,
    balance   bigint  not null check (balance >= 0),
    frozen    bigint  not null default 0,         -- is to leave
    is_closed boolean not null default false      -- takes no more money
);

-- What each transfer is to change here: less than 0 where money leaves.
create table reservations (
    tx         text primary key,
    account    text        not null references accounts,
    change     bigint      not null check (change <> 0),
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
