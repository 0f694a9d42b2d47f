/** One line of JSON for each thing that happened. */

export function log(message, details = {}) {
  console.log(JSON.stringify({ at: new Date().toISOString(), message, ...details }));
}
