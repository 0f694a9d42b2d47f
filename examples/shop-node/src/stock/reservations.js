/**
 * Reservations, each done once for its key, however often and in whatever order the requests come.
 *
 * The key's row is written in the transaction that moves the stock. So a repeat finds it and gets the same answer; and
 * a release that comes before its reservation leaves a row that bars the reservation, should it still be under way.
 */
import { inTransaction } from '../database.js';
import { log } from '../log.js';

export class Reservations {
  constructor(pool) {
    this.pool = pool;
  }

  /** RESERVED, REFUSED (too little is there), or RELEASED (it was called off before). */
  async reserve({ key, orderId, sku, quantity }) {
    const status = await inTransaction(this.pool, async (client) => {
      const { rowCount: isNew } = await client.query(
        `insert into reservations (key, order_id, sku, quantity, status)
         values ($1, $2, $3, $4, 'RESERVED') on conflict do nothing`,
        [key, orderId, sku, quantity],
      );
      if (!isNew) return statusOf(client, key);
      const { rowCount: isTaken } = await client.query(
        `update products set available = available - $2, reserved = reserved + $2
         where sku = $1 and available >= $2`,
        [sku, quantity],
      );
      if (!isTaken) {
        await client.query(`update reservations set status = 'REFUSED' where key = $1`, [key]);
        return 'REFUSED';
      }
      await journal(client, { orderId, sku, kind: 'RESERVE', quantity });
      return 'RESERVED';
    });
    log('reservation', { order: orderId, sku, quantity, status });
    return status;
  }

  /** Always ends RELEASED: nothing is reserved under this key, nor ever will be. */
  async release(key) {
    const order = await inTransaction(this.pool, async (client) => {
      const { rowCount: isUnknown } = await client.query(
        `insert into reservations (key, status) values ($1, 'RELEASED') on conflict do nothing`,
        [key],
      );
      if (isUnknown) return undefined;
      const { rows: [held] } = await client.query(
        `update reservations set status = 'RELEASED' where key = $1 and status = 'RESERVED'
         returning order_id as "orderId", sku, quantity`,
        [key],
      );
      if (!held) return undefined; // it was refused, or is released already
      await client.query(
        'update products set available = available + $2, reserved = reserved - $2 where sku = $1',
        [held.sku, held.quantity],
      );
      await journal(client, { ...held, kind: 'RELEASE' });
      return held.orderId;
    });
    log('released', { order, key });
    return 'RELEASED';
  }
}

async function statusOf(client, key) {
  const { rows } = await client.query('select status from reservations where key = $1', [key]);
  return rows[0].status;
}

function journal(client, { orderId, sku, kind, quantity }) {
  return client.query(
    'insert into movements (order_id, sku, kind, quantity) values ($1, $2, $3, $4)',
    [orderId, sku, kind, quantity],
  );
}
