import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Opening } from '../src/media/opening.ts';

/** A device of which the person is asked. */
function asked(name: string): { open: () => Promise<string>; allow: () => void; deny: () => void } {
  let [allow, deny] = [(): void => {}, (): void => {}];
  const answer = new Promise<string>((resolve, reject) => {
    allow = () => resolve(name);
    deny = () => reject(new Error('denied'));
  });
  return { open: () => answer, allow, deny };
}

test('of two cameras that are being opened the first is closed', async () => {
  const opening = new Opening<string>();
  const closed: string[] = [];
  const [first, second] = [asked('first'), asked('second')];
  const tries = [first, second].map(({ open }) => opening.begin(open, (it) => closed.push(it)));
  second.allow();
  first.allow();
  assert.deepEqual(await Promise.all(tries), [null, 'second']);
  assert.deepEqual(closed, ['first']);
});

test('what is allowed after it was taken back is closed, and a refusal of it is nobody’s business', async () => {
  const opening = new Opening<string>();
  const closed: string[] = [];
  for (const answer of ['allow', 'deny'] as const) {
    const camera = asked('camera');
    const opened = opening.begin(camera.open, (it) => closed.push(it));
    opening.cancel();
    camera[answer]();
    assert.equal(await opened, null);
  }
  assert.deepEqual(closed, ['camera']);
});

test('a refusal is told while it matters', async () => {
  const opening = new Opening<string>();
  const camera = asked('camera');
  camera.deny();
  await assert.rejects(opening.begin(camera.open, () => {}), /denied/);
});
