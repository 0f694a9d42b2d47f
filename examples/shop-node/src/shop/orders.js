/**
 * Orders in the shop's database: the only place that decides what becomes of one.
 *
 *     PENDING -> CONFIRMED | REJECTED
 *     PENDING -> CANCELLING -> CANCELLED     (stock did not answer in time; whether it reserved is not known)
 *
 * Every step is one statement that names the status it leaves. So of two that settle the same order (the request, the
 * settling of what is due, another instance of the shop), one wins, and the other learns it.
 */

const FIRST_ATTEMPT_MS = 1200; // what the request itself has, before others take the order up
const COLUMNS = `id, sku, quantity, status, reservation_key as "reservationKey",
  status = 'PENDING' and placed_at < now() - $1 * interval '1 ms' as "isOverdue"`;

export class Orders {
  /** `patienceMs`: how long an order may wait for the stock until it is cancelled. */
  constructor(pool, { patienceMs }) {
    this.pool = pool;
    this.patienceMs = patienceMs;
  }

  /** Write the order down before anything else is done for it; one that is there already is left as it is. */
  async place({ id, sku, quantity }) {
    await this.pool.query(
      `insert into orders (id, sku, quantity, next_attempt_at)
       values ($1, $2, $3, now() + $4 * interval '1 ms') on conflict do nothing`,
      [id, sku, quantity, FIRST_ATTEMPT_MS],
    );
    return this.find(id);
  }

  async find(id) {
    const { rows } = await this.pool.query(`select ${COLUMNS} from orders where id = $2`, [
      this.patienceMs,
      id,
    ]);
    return rows[0];
  }

  /** Move the order from one status to the next; false if it was somewhere else. */
  async move(id, from, to) {
    const { rowCount } = await this.pool.query(
      `with moved as (update orders set status = $3 where id = $1 and status = $2 returning id)
       insert into order_events (order_id, event) select id, $3 from moved`,
      [id, from, to],
    );
    return rowCount === 1;
  }

  /** Take open orders that are due, and put their next attempt off: growing pauses, spread by chance, 2 s at most. */
  async takeDue(limit) {
    const { rows } = await this.pool.query(
      `update orders set attempts = attempts + 1,
         next_attempt_at = now() + least(2, 0.25 * 2 ^ least(attempts, 10)) * (0.5 + random() / 2) * interval '1 s'
       where id in (
         select id from orders where status in ('PENDING', 'CANCELLING') and next_attempt_at <= now()
         order by next_attempt_at limit $2 for update skip locked)
       returning ${COLUMNS}`,
      [this.patienceMs, limit],
    );
    return rows;
  }
}
