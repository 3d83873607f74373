import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SinkWants, Ssrc } from '../src/protocol/index.ts';
import { Views } from '../src/ui/model/views.ts';

const [ADA, BOB] = [11 as Ssrc, 12 as Ssrc];

test('a video that no tile shows is not asked for, whatever it was shown at before', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const asked: SinkWants[] = [];
  const views = new Views((wants) => asked.push(wants));
  const last = (): SinkWants | undefined => {
    t.mock.timers.tick(250);
    return asked.at(-1);
  };
  views.arrive([ADA, BOB]);
  assert.deepEqual(last(), { any: 100, 11: 0, 12: 0 });
  views.show(ADA, 160 * 90);
  views.show(BOB, 1280 * 720);
  assert.deepEqual(last(), { any: 100, 11: 50, 12: 100, pixelCounts: { 11: 14_400, 12: 921_600 } });
  // Another place is shown in the middle of the page.
  views.forget(ADA);
  views.forget(BOB);
  assert.deepEqual(last(), { any: 100, 11: 0, 12: 0 });
  views.arrive([BOB]);
  assert.deepEqual(last(), { any: 100, 12: 0 });
});
