/** The messages of a channel, and the commands of bots. */

import { signal } from '@preact/signals';
import {
  type ApplicationCommand,
  type ChannelId,
  type GatewayEvent,
  type GuildId,
  type Message,
  type OptionValue,
  RestError,
  type Room,
} from '../../protocol/index.ts';
import { rest } from './account.ts';
import type { App } from './app.ts';
import { complain } from './notices.ts';

/** How many messages are kept of a channel. */
const KEPT = 200;

/** See the module. */
export class Chat {
  /** Messages of channels that were looked at, oldest first. */
  readonly messages = signal<ReadonlyMap<ChannelId, readonly Message[]>>(new Map());
  /** Commands of guilds that were looked at. */
  readonly commands = signal<ReadonlyMap<GuildId, readonly ApplicationCommand[]>>(new Map());
  /** Commands whose bots have not answered yet, by nonce. */
  #waiting = new Map<string, string>();
  #nonce = 0;

  constructor(private readonly app: App) {}

  /** Loads what a channel has, if that was not done. */
  async open(room: Room): Promise<void> {
    try {
      if (!this.messages.value.has(room.channel)) {
        const newest = await rest.messages(room.channel);
        this.#put(room.channel, newest.reverse());
      }
    } catch (error) {
      // Who may not read sees an empty list; anything else is worth saying.
      if (!(error instanceof RestError && error.status === 403)) complain(error);
    }
  }

  /** Loads the commands that can be used in a guild. */
  async loadCommands(guild: GuildId): Promise<void> {
    try {
      const { application_commands } = await rest.commands(guild);
      const typed = application_commands.filter((command) => command.type === 1);
      this.commands.value = new Map(this.commands.value).set(guild, typed);
    } catch (error) {
      complain(error);
    }
  }

  /** Writes a message; says whether it was taken. */
  async send(channel: ChannelId, content: string): Promise<boolean> {
    try {
      this.#add(await rest.sendMessage(channel, content));
      return true;
    } catch (error) {
      complain(error);
      return false;
    }
  }

  /** Uses a command; says whether its bot was told. */
  async use(command: ApplicationCommand, options: OptionValue[], guild: GuildId, channel: ChannelId): Promise<boolean> {
    const nonce = `${Date.now()}${(this.#nonce += 1)}`;
    this.#waiting.set(nonce, command.name);
    try {
      await rest.useCommand(command, options, { guild, channel, session: this.app.gateway.sessionId, nonce });
      return true;
    } catch (error) {
      this.#waiting.delete(nonce);
      complain(error);
      return false;
    }
  }

  /** Takes a dispatch. */
  heard(event: GatewayEvent): void {
    switch (event.name) {
      case 'READY':
        // What happened meanwhile is not told: it is loaded again.
        this.messages.value = new Map();
        return;
      case 'MESSAGE_CREATE':
        return this.#add(event.data);
      case 'MESSAGE_UPDATE':
        return this.#change(event.data.channel_id, (messages) =>
          messages.map((message) => (message.id === event.data.id ? { ...message, ...event.data } : message)),
        );
      case 'MESSAGE_DELETE':
        return this.#change(event.data.channel_id, (messages) =>
          messages.filter((message) => message.id !== event.data.id),
        );
      case 'INTERACTION_SUCCESS':
        this.#waiting.delete(event.data.nonce ?? '');
        return;
      case 'INTERACTION_FAILURE': {
        const name = this.#waiting.get(event.data.nonce ?? '');
        this.#waiting.delete(event.data.nonce ?? '');
        if (name !== undefined) complain(`/${name}: the bot did not answer.`);
        return;
      }
      default:
    }
  }

  #add(message: Message): void {
    this.#change(message.channel_id, (messages) => {
      const others = messages.filter((known) => known.id !== message.id);
      return [...others, message].slice(-KEPT);
    });
  }

  #change(channel: ChannelId, change: (messages: readonly Message[]) => readonly Message[]): void {
    const known = this.messages.value.get(channel);
    if (known !== undefined) this.#put(channel, change(known));
  }

  #put(channel: ChannelId, messages: readonly Message[]): void {
    this.messages.value = new Map(this.messages.value).set(channel, messages);
  }
}
