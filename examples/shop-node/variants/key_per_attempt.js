/** The shop with a bug: the idempotency key is made where the request is, so every attempt has one of its own. */
import { randomUUID } from 'node:crypto';

import { startShop } from '../src/shop/shop.js';
import { StockClient } from '../src/shop/stock_client.js';

class KeyPerAttempt extends StockClient {
  reserve(order) {
    return super.reserve({ ...order, reservationKey: randomUUID() });
  }
}

startShop((url) => new KeyPerAttempt(url));
