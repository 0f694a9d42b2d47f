/** What a service is told by its environment. */

export function needed(name) {
  const value = process.env[name];
  if (!value) {
    console.error(`the environment variable ${name} is not set`);
    process.exit(2);
  }
  return value;
}

export function milliseconds(name, otherwise) {
  const value = Number(process.env[name] ?? otherwise);
  if (!Number.isInteger(value) || value <= 0) {
    console.error(`the environment variable ${name} must be a whole number of milliseconds`);
    process.exit(2);
  }
  return value;
}

export const listening = () => ({
  port: Number(needed('PORT')),
  host: process.env.HOST ?? '127.0.0.1',
});

/** End in good order when asked to: no new requests, those under way are answered. */
export function endOnSignal(server, pool, stop = () => {}) {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.once(signal, () => {
      stop();
      server.close(() => pool.end());
      server.closeIdleConnections();
    });
  }
}
