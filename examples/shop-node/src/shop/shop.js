/** Puts the shop together: its database, the stock service, the HTTP interface, and the settling of what is open. */
import { connect } from '../database.js';
import { serve } from '../http.js';
import { endOnSignal, listening, milliseconds, needed } from '../settings.js';
import { Orders } from './orders.js';
import { routes } from './routes.js';
import { Settlement } from './settlement.js';

/** Start the shop; `stockAt` makes the client of the stock service from its URL. */
export function startShop(stockAt) {
  const pool = connect(needed('DATABASE_URL'));
  const orders = new Orders(pool, { patienceMs: milliseconds('ORDER_PATIENCE_MS', 2500) });
  const settlement = new Settlement(orders, stockAt(needed('STOCK_URL')));
  const server = serve({ routes: routes(orders, settlement), ...listening() });
  const stop = settlement.settleWhatIsDue();
  endOnSignal(server, pool, stop);
}
