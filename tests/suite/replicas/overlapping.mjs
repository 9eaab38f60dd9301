// Runs after the function `call` of docs/growth.md: two changes overlap, and the answer to the first one arrives last. Prints the
// titles that the client reads after that. A line on the standard input lets it go on.
import { EventEmitter, once } from 'node:events';

const { ORIGIN: origin, TOKEN: token } = process.env;
const overTheNetwork = fetch;
const signals = new EventEmitter();

globalThis.fetch = async (path, options) => {
  const headers = { ...options.headers, Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
  const response = await overTheNetwork(origin + path, { ...options, headers });
  if (options.body?.includes('first')) {
    signals.emit('made');
    await once(signals, 'arrives');
  }
  return response;
};
const creates = (title) => call('/api/tasks', { method: 'POST', body: JSON.stringify({ title }) });

await call('/api/tasks');
const first = creates('first');
await once(signals, 'made');
console.log('made');
await once(process.stdin, 'data');
await creates('second');
signals.emit('arrives');
await first;
const list = await (await call('/api/tasks')).json();
console.log(list.map((task) => task.title).join(' '));
process.exit();
