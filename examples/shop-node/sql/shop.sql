-- The shop's own database: orders, and what became of them.

create table orders (
    id              text primary key,             -- chosen by the customer's client, so that it may ask twice
    sku             text not null,
    quantity        integer not null check (quantity > 0),
    status          text not null default 'PENDING'
                    check (status in ('PENDING', 'CONFIRMED', 'REJECTED', 'CANCELLING', 'CANCELLED')),
    reservation_key uuid not null default gen_random_uuid(),  -- one for the order, not one for each attempt
    attempts        integer not null default 0,
    next_attempt_at timestamptz not null,
    placed_at       timestamptz not null default now()
);
create index orders_open on orders (next_attempt_at) where status in ('PENDING', 'CANCELLING');

create table order_events (
    order_id text not null references orders,
    event    text not null,
    at       timestamptz not null default now()
);
