/** Ids and numbers that must not be mistaken for each other. */

declare const brand: unique symbol;
type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };

/** A person or a bot. */
export type UserId = Brand<string, 'user'>;
/** A guild. */
export type GuildId = Brand<string, 'guild'>;
/** A channel of a guild, or a private one. */
export type ChannelId = Brand<string, 'channel'>;
/** A message. */
export type MessageId = Brand<string, 'message'>;
/** What a voice connection belongs to: a guild, a private channel, or a stream. */
export type ServerId = Brand<string, 'server'>;
/** A main-Gateway session. */
export type SessionId = Brand<string, 'session'>;
/** A synchronization source of RTP; 0 stands for none. */
export type Ssrc = Brand<number, 'ssrc'>;

/** No stream. */
export const NO_SSRC = 0 as Ssrc;

/** Orders ids by their time: they are decimal numbers too large for `Number`. */
export function compareIds(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

/** When something with this id was made, in Unix milliseconds. */
export function timeOf(id: string): number {
  return Number(BigInt(id) >> 22n) + 1_420_070_400_000;
}
