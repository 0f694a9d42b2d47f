-- Orders. What is tried is an order that counts for nobody yet.

create table orders (
    tx         text primary key,
    customer   text        not null,
    sku        text        not null,
    quantity   integer     not null check (quantity > 0),
    price      bigint      not null check (price > 0),   -- cents, for one
    status     text        not null check (status in ('TRIED', 'CONFIRMED', 'CANCELLED')),
    since      timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null
);
create index orders_tried on orders (expires_at) where status = 'TRIED';

-- One row for each try, cancel and confirm that was ever answered; see dtx.patterns.common.barrier.
create table barrier (
    tx        text not null,
    step      text not null check (step in ('try', 'confirm')),
    direction text not null check (direction in ('action', 'compensation')),
    answer    text,
    primary key (tx, step, direction)
);

-- What was confirmed, for auditors: append-only.
create table order_effects (
    tx     text   not null,
    step   text   not null,
    effect text   not null check (effect in ('applied', 'undone')),
    amount bigint not null
);
