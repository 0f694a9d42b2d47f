/** The HTTP interface of the shop. */
import { BadRequest } from '../http.js';

const HTTP_STATUS = { CONFIRMED: 201, REJECTED: 409, CANCELLED: 409, PENDING: 202, CANCELLING: 202 };

export const routes = (orders, settlement) => ({
  'GET /healthz': () => ({ status: 200, body: {} }),

  'POST /orders': async ({ body }) => {
    const { id, sku, quantity } = body ?? {};
    if (typeof id !== 'string' || typeof sku !== 'string' || !Number.isInteger(quantity) || quantity < 1) {
      throw new BadRequest('id, sku and a quantity above 0 are needed');
    }
    const order = await orders.place({ id, sku, quantity });
    const status = await settlement.settle(order);
    return { status: HTTP_STATUS[status], body: { id, status } };
  },

  'GET /orders/:id': async ({ params }) => {
    const order = await orders.find(params.id);
    if (!order) return { status: 404, body: { error: 'no such order' } };
    return { status: 200, body: { id: order.id, status: order.status } };
  },
});
