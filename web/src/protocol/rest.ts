/** The REST calls that a page makes. */

import type { Channel, Message, User } from './gateway/messages.ts';
import type { ChannelId, GuildId, MessageId, SessionId, UserId } from './ids.ts';

/** A request that was refused. */
export class RestError extends Error {
  constructor(
    /** The HTTP status; 0 if there was no answer. */
    readonly status: number,
    /** The protocol's own code. */
    readonly code: number,
    message: string,
    /** What is wrong with which field of a form. */
    readonly fields: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.name = 'RestError';
  }
}

/** How one signs in to this server. */
export interface SignInOptions {
  /** A name is enough: a development server. */
  by_name: boolean;
  /** Who may make an account. */
  sign_up: 'open' | 'invite' | 'closed';
}

/** A command of a bot. */
export interface ApplicationCommand {
  id: string;
  application_id: UserId;
  type: number;
  name: string;
  description: string;
  version: string;
  options?: CommandOption[];
}

/** Kinds of options that a page asks for. */
export const OptionType = {
  Subcommand: 1,
  SubcommandGroup: 2,
  String: 3,
  Integer: 4,
  Boolean: 5,
  User: 6,
  Channel: 7,
  Number: 10,
} as const;

/** An option of a command. */
export interface CommandOption {
  type: number;
  name: string;
  description: string;
  required?: boolean;
  choices?: { name: string; value: string | number }[];
  options?: CommandOption[];
  min_value?: number;
  max_value?: number;
}

/** A value for an option. */
export interface OptionValue {
  type: number;
  name: string;
  value?: string | number | boolean;
  options?: OptionValue[];
}

interface ErrorBody {
  message?: string;
  code?: number;
  retry_after?: number;
  errors?: Record<string, { _errors?: { message: string }[] }>;
}

/** A request that is told to wait at most so long waits; longer, it fails. */
const MOST_PATIENCE_MS = 5_000;

/** REST of one server, as one account. */
export class RestClient {
  #aheadMs = 0;

  /** `base` is the server's origin, without a slash; `token` may be given later. */
  constructor(
    private readonly base: string,
    private token: string | null = null,
  ) {}

  /** Calls as this account from now on. */
  authorize(token: string | null): void {
    this.token = token;
  }

  /** The server's time in Unix milliseconds, by the last answer's Date: to a second, whatever the clock here shows. */
  get serverTime(): number {
    return Date.now() + this.#aheadMs;
  }

  signInOptions(): Promise<SignInOptions> {
    return this.#call('GET', '/api/v10/sign-in');
  }

  /** Signs in to a development server. */
  signInByName(name: string): Promise<{ token: string; user_id: UserId }> {
    return this.#call('POST', '/dev/sign-in', { name });
  }

  login(login: string, password: string): Promise<{ token: string; user_id: UserId }> {
    return this.#call('POST', '/api/v10/auth/login', { login, password });
  }

  register(username: string, password: string, invite: string | null): Promise<{ token: string }> {
    const body = { username, password, consent: true, ...(invite === null ? {} : { invite }) };
    return this.#call('POST', '/api/v10/auth/register', body);
  }

  logout(): Promise<void> {
    return this.#call('POST', '/api/v10/auth/logout', {});
  }

  /** The address of the main Gateway. */
  gateway(): Promise<{ url: string }> {
    return this.#call('GET', '/api/v10/gateway');
  }

  me(): Promise<User> {
    return this.#call('GET', '/api/v10/users/@me');
  }

  /** Opens the private channel with somebody. */
  openPrivateChannel(recipients: UserId[]): Promise<Channel> {
    return this.#call('POST', '/api/v10/users/@me/channels', { recipients });
  }

  /** Rings everybody of a call who is not in it. */
  ring(channel: ChannelId): Promise<void> {
    return this.#call('POST', `/api/v10/channels/${channel}/call/ring`, { recipients: null });
  }

  /** Declines; or takes a ring back, for those who are named. */
  stopRinging(channel: ChannelId, recipients?: UserId[]): Promise<void> {
    const body = recipients === undefined ? {} : { recipients };
    return this.#call('POST', `/api/v10/channels/${channel}/call/stop-ringing`, body);
  }

  /** The newest messages, newest first. */
  messages(channel: ChannelId, limit = 50): Promise<Message[]> {
    return this.#call('GET', `/api/v10/channels/${channel}/messages?limit=${limit}`);
  }

  sendMessage(channel: ChannelId, content: string): Promise<Message> {
    return this.#call('POST', `/api/v10/channels/${channel}/messages`, { content });
  }

  deleteMessage(channel: ChannelId, message: MessageId): Promise<void> {
    return this.#call('DELETE', `/api/v10/channels/${channel}/messages/${message}`);
  }

  /** Commands that can be used in a guild. */
  commands(guild: GuildId): Promise<{ application_commands: ApplicationCommand[] }> {
    return this.#call('GET', `/api/v10/guilds/${guild}/application-command-index`);
  }

  /** Uses a command. What comes of it is a message, and INTERACTION_FAILURE if nothing does. */
  useCommand(
    command: ApplicationCommand,
    options: OptionValue[],
    place: { guild: GuildId; channel: ChannelId; session: SessionId | null; nonce: string },
  ): Promise<void> {
    return this.#call('POST', '/api/v10/interactions', {
      type: 2,
      application_id: command.application_id,
      guild_id: place.guild,
      channel_id: place.channel,
      ...(place.session === null ? {} : { session_id: place.session }),
      nonce: place.nonce,
      data: { id: command.id, name: command.name, type: command.type, version: command.version, options },
    });
  }

  /** Mutes, deafens, moves (or, with `null`, disconnects) a member. */
  editMember(
    guild: GuildId,
    user: UserId,
    change: { mute?: boolean; deaf?: boolean; channel_id?: ChannelId | null },
  ): Promise<unknown> {
    return this.#call('PATCH', `/api/v10/guilds/${guild}/members/${user}`, change);
  }

  /** Raises a hand on a stage, accepts an invitation, or goes back to the audience. */
  editOwnVoiceState(
    guild: GuildId,
    change: { channel_id: ChannelId; suppress?: boolean; request_to_speak_timestamp?: string | null },
  ): Promise<void> {
    return this.#call('PATCH', `/api/v10/guilds/${guild}/voice-states/@me`, change);
  }

  /** As a moderator of a stage: invites somebody to speak, or sends them to the audience. */
  editVoiceState(guild: GuildId, user: UserId, change: { channel_id: ChannelId; suppress: boolean }): Promise<void> {
    return this.#call('PATCH', `/api/v10/guilds/${guild}/voice-states/${user}`, change);
  }

  async #call<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await this.#request(method, path, body);
    if (response.status === 429) {
      const told = (await response.json().catch(() => ({}))) as ErrorBody;
      const wait = (told.retry_after ?? 1) * 1000;
      if (wait > MOST_PATIENCE_MS) throw failure(response.status, told);
      await new Promise((resolve) => setTimeout(resolve, wait));
      return this.#call(method, path, body);
    }
    if (response.status === 204) return undefined as Answer;
    const answer = (await response.json().catch(() => ({}))) as unknown;
    if (!response.ok) throw failure(response.status, answer as ErrorBody);
    return answer as Answer;
  }

  async #request(method: string, path: string, body: unknown): Promise<Response> {
    const headers: Record<string, string> = {};
    if (this.token !== null) headers['Authorization'] = this.token;
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    const init: RequestInit = { method, headers };
    if (body !== undefined) init.body = JSON.stringify(body);
    let response: Response;
    try {
      response = await fetch(this.base + path, init);
    } catch {
      throw new RestError(0, 0, 'The server cannot be reached.');
    }
    const told = Date.parse(response.headers.get('Date') ?? '');
    if (!Number.isNaN(told)) this.#aheadMs = told - Date.now();
    return response;
  }
}

function failure(status: number, body: ErrorBody): RestError {
  const fields = Object.entries(body.errors ?? {}).flatMap(([name, detail]): [string, string][] => {
    const message = detail._errors?.[0]?.message;
    return message === undefined ? [] : [[name, message]];
  });
  return new RestError(status, body.code ?? 0, body.message ?? `The server answered ${status}.`, Object.fromEntries(fields));
}
