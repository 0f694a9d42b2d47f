/** The shop: takes orders. */
import { startShop } from './shop.js';
import { StockClient } from './stock_client.js';

startShop((url) => new StockClient(url));
