/** The shop with a bug: no answer in time is taken for "no". */
import { startShop } from '../src/shop/shop.js';
import { StockClient } from '../src/shop/stock_client.js';

class TimeoutAsRefusal extends StockClient {
  async reserve(order) {
    try {
      return await super.reserve(order);
    } catch (error) {
      if (error.name !== 'TimeoutError') throw error;
      return 'REFUSED';
    }
  }
}

startShop((url) => new TimeoutAsRefusal(url));
