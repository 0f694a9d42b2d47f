/** The HTTP interface of the stock service. */
import { BadRequest } from '../http.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const routes = (reservations) => ({
  'GET /healthz': () => ({ status: 200, body: {} }),

  'POST /reservations': async ({ headers, body }) => {
    const key = checkedKey(headers['idempotency-key']);
    const { orderId, sku, quantity } = body ?? {};
    if (typeof orderId !== 'string' || typeof sku !== 'string' || !(quantity > 0)) {
      throw new BadRequest('orderId, sku and a quantity above 0 are needed');
    }
    const status = await reservations.reserve({ key, orderId, sku, quantity });
    return { status: 200, body: { status } };
  },

  'DELETE /reservations/:key': async ({ params }) => {
    const status = await reservations.release(checkedKey(params.key));
    return { status: 200, body: { status } };
  },
});

function checkedKey(key) {
  if (!UUID.test(key ?? '')) throw new BadRequest('a UUID is needed as the idempotency key');
  return key;
}
