// Runs after the function `call` of docs/growth.md: answers arrive in any order. The server is made up.
import assert from 'node:assert/strict';

const requests = [];
globalThis.fetch = (path, { headers }) =>
  new Promise((resolve) => {
    const answers = (position) => resolve({ headers: new Headers(position && { 'X-Rowkeep-Position': position }) });
    requests.push({ sent: headers['X-Rowkeep-Position'], answers });
  });
const asks = () => {
  const done = call('/api/tasks');
  const { sent, answers } = requests.at(-1);
  const isAnswered = (position) => (answers(position), done);
  return { sent, isAnswered };
};

// Two changes may have been made. The answer to the second one arrives while a read looks for the first one.
const [first, second] = [asks(), asks()];
assert.equal(first.sent, undefined);
await first.isAnswered('primary');
const read = asks();
assert.equal(read.sent, 'primary');
await second.isAnswered('primary');
await read.isAnswered('A');
const next = asks();
assert.equal(next.sent, 'primary, A');
await next.isAnswered('B');

// An error has no position.
const refused = asks();
assert.equal(refused.sent, 'B');
await refused.isAnswered();

// A head has no room for all of these.
const many = Array.from({ length: 600 }, asks);
await Promise.all(many.map((request, index) => request.isAnswered(`C${index}`)));
const after = asks();
assert.equal(after.sent, 'primary');
await after.isAnswered('D');
assert.equal(asks().sent, 'D');
process.exit();
