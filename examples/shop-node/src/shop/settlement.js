/** Brings orders to their end: asks the stock, and writes down what it said. */
import { setTimeout as pause } from 'node:timers/promises';

import { log } from '../log.js';

const AT_ONCE = 20;
const LOOK_EVERY_MS = 200;
const OUTCOME = { RESERVED: 'CONFIRMED', REFUSED: 'REJECTED' };

export class Settlement {
  constructor(orders, stock) {
    this.orders = orders;
    this.stock = stock;
  }

  /** Do one step for the order; return its status after it. Without an answer of the stock it stays as it was. */
  async settle(order) {
    if (order.status === 'CANCELLING' || order.isOverdue) return this.#cancel(order);
    if (order.status !== 'PENDING') return order.status;
    let answer;
    try {
      answer = await this.stock.reserve(order);
    } catch (error) {
      log('no answer of the stock', { order: order.id, error: error.message });
      return order.status;
    }
    return this.#move(order, 'PENDING', OUTCOME[answer]);
  }

  /** Settle what is due, again and again; what a lost answer or our own death left open is in the database. */
  settleWhatIsDue() {
    const stopped = new AbortController();
    this.#loop(stopped.signal).catch((error) => {
      if (!stopped.signal.aborted) throw error;
    });
    return () => stopped.abort();
  }

  async #loop(signal) {
    while (!signal.aborted) {
      const settled = await this.#pass();
      if (settled < AT_ONCE) await pause(LOOK_EVERY_MS, undefined, { signal });
    }
  }

  async #pass() {
    try {
      const due = await this.orders.takeDue(AT_ONCE);
      await Promise.all(due.map((order) => this.#settleLater(order)));
      return due.length;
    } catch (error) {
      log('could not look for what is due', { error: error.message });
      return 0;
    }
  }

  async #settleLater(order) {
    try {
      await this.settle(order);
    } catch (error) {
      log('could not settle, will try again', { order: order.id, error: error.message });
    }
  }

  async #cancel(order) {
    // First the decision, where all can see it; from here on nobody can confirm the order.
    if (order.status === 'PENDING' && !(await this.orders.move(order.id, 'PENDING', 'CANCELLING'))) {
      return this.#now(order);
    }
    try {
      await this.stock.release(order);
    } catch (error) {
      log('no answer of the stock to a release', { order: order.id, error: error.message });
      return 'CANCELLING';
    }
    return this.#move(order, 'CANCELLING', 'CANCELLED');
  }

  async #move(order, from, to) {
    // No `to`: the stock says RELEASED, so somebody else has cancelled the order meanwhile.
    const isMoved = to !== undefined && (await this.orders.move(order.id, from, to));
    if (isMoved) log('order', { order: order.id, status: to });
    return isMoved ? to : this.#now(order);
  }

  async #now(order) {
    return (await this.orders.find(order.id)).status;
  }
}
