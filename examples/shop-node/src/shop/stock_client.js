/** The stock service as the shop sees it. Every method throws when there is no answer: what was done is then unknown. */

const TIMEOUT_MS = 800;

export class StockClient {
  constructor(url) {
    this.url = url;
  }

  /** RESERVED, REFUSED or RELEASED. */
  async reserve({ id, sku, quantity, reservationKey }) {
    const { status } = await this.call('POST', '/reservations', {
      headers: { 'content-type': 'application/json', 'idempotency-key': reservationKey },
      body: JSON.stringify({ orderId: id, sku, quantity }),
    });
    return status;
  }

  async release({ reservationKey }) {
    await this.call('DELETE', `/reservations/${reservationKey}`);
  }

  async call(method, path, options = {}) {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(this.url + path, { method, signal, ...options });
    const body = await response.json();
    if (!response.ok) throw new Error(`${method} ${path} said ${response.status}: ${body.error}`);
    return body;
  }
}
