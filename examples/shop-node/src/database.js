/**
 * A pool of PostgreSQL connections on which nothing waits for ever.
 *
 * A link may fall silent while its connection stays open. Our own time-outs then free the caller; those of the
 * session make the server let go of its locks, though it can't hear us.
 */
import pg from 'pg';

import { log } from './log.js';

const TIMEOUTS_MS = {
  connectionTimeoutMillis: 1500, // for a connection, new or from the pool
  query_timeout: 1500, // ours, for one statement
  statement_timeout: 1000, // the server's
  lock_timeout: 800,
  idle_in_transaction_session_timeout: 2000,
};

export function connect(connectionString) {
  const pool = new pg.Pool({ connectionString, max: 16, keepAlive: true, ...TIMEOUTS_MS });
  // A server that goes away tells every idle connection; without listeners that would end the process.
  pool.on('error', (error) => log('an idle connection broke', { error: error.message }));
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

/**
 * Do the work inside a local transaction.
 *
 * When this throws, the outcome is unknown: the COMMIT may have been done though its answer was lost. Whoever asks
 * again must find the truth in the database.
 */
export async function inTransaction(pool, work) {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    client.release();
    return result;
  } catch (error) {
    client.release(error); // closes the connection, and so rolls back: it may be silent or half-way through an answer
    throw error;
  }
}
