/** Private calls: who rings whom, and what came of it. */

import { computed, effect, signal } from '@preact/signals';
import { ring } from '../../media/ringtone.ts';
import type { ChannelId, GatewayEvent, UserId } from '../../protocol/index.ts';
import { rest } from './account.ts';
import type { App } from './app.ts';
import { complain, say } from './notices.ts';

/** See the module. */
export class PrivateCalls {
  /** The channel that one called and whose others have not all answered. */
  readonly outgoing = signal<ChannelId | null>(null);
  /** Called, but the call does not run yet: it cannot be rung before. */
  #toRing: ChannelId | null = null;
  #silence: (() => void) | null = null;
  #dispose: () => void;

  /** A call that rings here: the first of them. */
  readonly incoming = computed(() => {
    const me = this.app.world.me.value?.id;
    if (me === undefined) return null;
    const calls = [...this.app.world.calls.value.values()];
    return calls.find((call) => call.ringing.includes(me) && call.channel !== this.app.room.value?.channel) ?? null;
  });

  constructor(private readonly app: App) {
    this.#dispose = effect(() => {
      const incoming = this.incoming.value !== null;
      const outgoing = this.outgoing.value !== null;
      this.#silence?.();
      this.#silence = incoming || outgoing ? ring(outgoing && !incoming) : null;
    });
  }

  /** Nothing rings any more. */
  stop(): void {
    this.#dispose();
    this.#silence?.();
    this.#silence = null;
  }

  /** Shows the private channel with somebody; it is made if there is none. */
  async show(user: UserId): Promise<void> {
    const channel = await this.#channelWith(user);
    if (channel !== null) this.app.show({ kind: 'room', room: { guild: null, channel } });
  }

  /** Calls somebody: opens the private channel, joins it, and rings. */
  async call(user: UserId): Promise<void> {
    const channel = await this.#channelWith(user);
    if (channel !== null) this.start(channel);
  }

  async #channelWith(user: UserId): Promise<ChannelId | null> {
    const known = this.app.world.privateChannelWith(user);
    if (known !== undefined) return known.id;
    try {
      const made = await rest.openPrivateChannel([user]);
      // The event that tells of it may come later.
      this.app.world.apply({ name: 'CHANNEL_CREATE', data: made });
      return made.id;
    } catch (error) {
      complain(error);
      return null;
    }
  }

  /** Joins the call of a private channel, and rings the others if it begins with that. */
  start(channel: ChannelId): void {
    if (!this.app.world.calls.value.has(channel)) this.#toRing = channel;
    this.app.enter({ guild: null, channel });
  }

  /** Rings those who are not in the call, once more. */
  async ringAgain(channel: ChannelId): Promise<void> {
    try {
      await rest.ring(channel);
      this.outgoing.value = channel;
    } catch (error) {
      complain(error);
    }
  }

  /** Takes a call that rings. */
  accept(channel: ChannelId): void {
    this.app.enter({ guild: null, channel });
  }

  /** Does not. */
  async decline(channel: ChannelId): Promise<void> {
    await rest.stopRinging(channel).catch(complain);
  }

  /** Takes a dispatch. */
  heard(event: GatewayEvent): void {
    switch (event.name) {
      case 'CALL_CREATE':
        if (event.data.channel_id === this.#toRing) void this.ringAgain(event.data.channel_id);
        this.#toRing = null;
        return;
      case 'CALL_UPDATE':
        return this.#ringingChanged(event.data.channel_id, event.data.ringing);
      case 'CALL_DELETE':
        if (event.data.channel_id === this.outgoing.value) this.outgoing.value = null;
        return;
      case 'VOICE_STATE_UPDATE':
        // One has left oneself.
        if (event.data.user_id === this.app.world.me.value?.id && event.data.channel_id === null) {
          this.outgoing.value = null;
        }
        return;
      default:
    }
  }

  /** Nobody is rung any more: they came, declined, or did not hear it. */
  #ringingChanged(channel: ChannelId, ringing: UserId[]): void {
    if (channel !== this.outgoing.value || ringing.length > 0) return;
    this.outgoing.value = null;
    const me = this.app.world.me.value?.id;
    const others = this.app.world.inRoom(channel).filter((state) => state.user_id !== me);
    if (others.length === 0) say('Nobody took the call.');
  }
}
