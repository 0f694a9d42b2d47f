-- A message queue as a table: a resource manager like the others, so that an event is published if and only if its
-- transaction commits.

create table messages (
    id    bigint generated always as identity primary key,
    tx    text  not null,
    topic text  not null,
    body  jsonb not null
);

-- Marker rows, written by the transaction that does the work: what recovery and auditors go by.
create table queue_effects (
    tx     text   not null,
    step   text   not null,
    effect text   not null check (effect in ('applied', 'undone')),
    amount bigint not null,
    primary key (tx, step)
);
