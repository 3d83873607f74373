/** Somebody calls. The focus stays where it is: who is writing must not accept with the next space. */

import type { JSX } from 'preact';
import { useApp } from '../context.ts';
import { Avatar } from './basics.tsx';
import { Icon } from './icons.tsx';

/** See the module. Nothing while nobody does. */
export function IncomingCall(): JSX.Element | null {
  const app = useApp();
  const call = app.calls.incoming.value;
  if (call === null) return null;
  const [caller] = app.world.inRoom(call.channel);
  const known = app.world.privateChannels.value.get(call.channel);
  const name = caller === undefined ? (known === undefined ? 'Someone' : app.world.titleOf(known)) : app.world.nameOf(caller.user_id);
  return (
    <div class="incoming" role="alert" aria-label={`${name} calls you`}>
      {caller !== undefined && <Avatar user={caller.user_id} name={name} size={48} />}
      <p>
        <strong>{name}</strong>
        <span class="muted">calls you</span>
      </p>
      <div class="buttons">
        <button type="button" class="button good" onClick={() => app.calls.accept(call.channel)}>
          <Icon name="phone" size={18} /> Accept
        </button>
        <button type="button" class="button danger" onClick={() => void app.calls.decline(call.channel)}>
          <Icon name="hangUp" size={18} /> Decline
        </button>
      </div>
    </div>
  );
}
