-- Stock on hand, in pieces. available + frozen + sold = initial, always.

create table stock (
    sku       text primary key,
    initial   bigint not null,
    available bigint not null check (available >= 0),
    frozen    bigint not null default 0,
    sold      bigint not null default 0
);

create table reservations (
    tx         text primary key,
    sku        text        not null references stock,
    quantity   integer     not null check (quantity > 0),
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
create table inventory_effects (
    tx     text   not null,
    step   text   not null,
    effect text   not null check (effect in ('applied', 'undone')),
    amount bigint not null
);

-- Enough of everything but truffles, which are gone after an order or two.
insert into stock (sku, initial, available)
select sku, pieces, pieces
from (
    select sku, 100000000 as pieces
    from unnest(array['apple', 'bread', 'cheese', 'dates', 'eggs', 'figs', 'grapes', 'honey', 'ink']) as sku
    union all
    values ('truffle', 3)
) as products;
