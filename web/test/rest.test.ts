import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RestClient } from '../src/protocol/index.ts';

test('the time of the server is known by its answers, however wrong the own clock is', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.UTC(2020, 0, 1) });
  const told = 'Wed, 01 Jan 2020 00:30:00 GMT';
  t.mock.method(globalThis, 'fetch', async () => new Response('{}', { headers: { Date: told } }));
  const rest = new RestClient('http://server.example');
  assert.equal(rest.serverTime, Date.UTC(2020, 0, 1));
  await rest.me();
  t.mock.timers.tick(1_000);
  assert.equal(rest.serverTime, Date.UTC(2020, 0, 1, 0, 30, 1));
});
