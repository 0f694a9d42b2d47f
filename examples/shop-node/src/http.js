/** A small JSON server: routes are `METHOD /path/:name`, a handler answers `{ status, body }`. */
import http from 'node:http';

import { log } from './log.js';

const LARGEST_BODY_BYTES = 64 * 1024;

/** What the caller did wrong; nothing was done. */
export class BadRequest extends Error {}

export function serve({ routes, port, host }) {
  const table = Object.entries(routes).map(([route, handle]) => ({ ...parseRoute(route), handle }));
  const server = http.createServer((request, response) => answer(table, request, response));
  server.listen(port, host, () => log('listening', { host, port }));
  return server;
}

function parseRoute(route) {
  const [method, path] = route.split(' ');
  return { method, pattern: new RegExp(`^${path.replace(/:(\w+)/g, '(?<$1>[^/]+)')}$`) };
}

async function answer(table, request, response) {
  const { status, body } = await outcome(table, request);
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

async function outcome(table, request) {
  const { pathname } = new URL(request.url, 'http://localhost');
  try {
    for (const { method, pattern, handle } of table) {
      const match = request.method === method && pattern.exec(pathname);
      if (match) {
        const body = await readJson(request);
        return await handle({ params: match.groups ?? {}, headers: request.headers, body });
      }
    }
    return { status: 404, body: { error: 'no such thing' } };
  } catch (error) {
    if (error instanceof BadRequest) return { status: 400, body: { error: error.message } };
    // Whether it was done is not known: a 5xx says so, a 4xx would be a lie.
    log('request failed', { method: request.method, path: pathname, error: error.message });
    return { status: 503, body: { error: error.message } };
  }
}

async function readJson(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > LARGEST_BODY_BYTES) throw new BadRequest('the body is too large');
    chunks.push(chunk);
  }
  if (size === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new BadRequest('the body is no JSON');
  }
}
