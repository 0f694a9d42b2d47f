-- Orders that were confirmed: no other ever is in the data.

create table orders (
    tx       text primary key,
    customer text    not null,
    sku      text    not null,
    quantity integer not null check (quantity > 0),
    price    bigint  not null check (price >= 0)   -- cents, for one; 0: a gift
);

-- Where the customers' parcels go from when.
create table address_changes (
    tx       text primary key,
    customer text not null,
    address  text not null
);

-- Of transactions that nobody else takes part in, which are decided here: the first row counts.
create table decided_alone (
    tx       text primary key,
    decision text not null check (decision in ('commit', 'abort'))
);

-- Marker rows, written by the transaction that does the work: what recovery and auditors go by.
create table order_effects (
    tx     text   not null,
    step   text   not null,
    effect text   not null check (effect in ('applied', 'undone')),
    amount bigint not null,
    primary key (tx, step)
);
