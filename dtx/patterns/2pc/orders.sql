-- Orders that were confirmed: no other ever is in the data.

create table orders (
    tx       text primary key,
    customer text    not null,
    sku      text    not null,
    quantity integer not null check (quantity > 0),
    price    bigint  not null check (price > 0)    -- cents, for one
);

-- Marker rows, written by the transaction that does the work: what recovery and auditors go by.
create table order_effects (
    tx     text   not null,
    step   text   not null,
    effect text   not null check (effect in ('applied', 'undone')),
    amount bigint not null,
    primary key (tx, step)
);
