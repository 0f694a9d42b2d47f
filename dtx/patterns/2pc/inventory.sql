-- Stock on hand, in pieces. available + reserved = initial, always.

create table stock (
    sku       text primary key,
    initial   bigint not null,
    available bigint not null,
    reserved  bigint not null default 0
);

-- Deferred: work may go below zero, and this database votes No at PREPARE TRANSACTION.
create function refuse_if_out_of_stock() returns trigger language plpgsql as $$
begin
    if new.available < 0 then
        raise exception '% is out of stock', new.sku using errcode = 'check_violation';
    end if;
    return null;
end $$;
create constraint trigger enough_stock after insert or update on stock
    deferrable initially deferred for each row execute function refuse_if_out_of_stock();

create table reservations (
    tx       text primary key,
    sku      text    not null references stock,
    quantity integer not null check (quantity > 0)
);

-- Marker rows, written by the transaction that does the work: what recovery and auditors go by.
create table inventory_effects (
    tx     text   not null,
    step   text   not null,
    effect text   not null check (effect in ('applied', 'undone')),
    amount bigint not null,
    primary key (tx, step)
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
