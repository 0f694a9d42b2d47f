-- The stock's own database: what lies on the shelves, what is reserved, and a journal of every movement.

create table products (
    sku       text primary key,
    received  bigint not null,
    available bigint not null check (available >= 0),
    reserved  bigint not null default 0 check (reserved >= 0)
);
insert into products (sku, received, available) values
    ('anvil', 1000000, 1000000),
    ('bell', 1000000, 1000000),
    ('candle', 1000000, 1000000),
    ('drum', 1000000, 1000000),
    ('unicorn', 0, 0); -- sold out

create table reservations (
    key      uuid primary key,
    order_id text,
    sku      text references products,
    quantity integer,
    status   text not null check (status in ('RESERVED', 'REFUSED', 'RELEASED'))
);

create table movements (
    order_id text not null,
    sku      text not null references products,
    kind     text not null check (kind in ('RESERVE', 'RELEASE')),
    quantity integer not null,
    at       timestamptz not null default now()
);
