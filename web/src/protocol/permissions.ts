/** What a member may do, by the rules of guilds: owner, roles, and the overwrites of a channel. */

import type { Channel, Guild, Member, Overwrite } from './gateway/messages.ts';
import type { UserId } from './ids.ts';

/** Permissions that a page asks about, as bits. */
export const Permission = {
  Administrator: 1n << 3n,
  Stream: 1n << 9n,
  ViewChannel: 1n << 10n,
  SendMessages: 1n << 11n,
  Connect: 1n << 20n,
  Speak: 1n << 21n,
  MuteMembers: 1n << 22n,
  DeafenMembers: 1n << 23n,
  MoveMembers: 1n << 24n,
  UseVoiceActivity: 1n << 25n,
} as const;

const ALL = (1n << 64n) - 1n;

/** Everything that a member may do in a channel, as bits. */
export function permissionsIn(guild: Guild, channel: Channel, user: UserId, member: Member | undefined): bigint {
  if (guild.owner_id === user) return ALL;
  const roles = new Set<string>([guild.id, ...(member?.roles ?? [])]);
  const granted = guild.roles
    .filter((role) => roles.has(role.id))
    .reduce((bits, role) => bits | BigInt(role.permissions), 0n);
  if ((granted & Permission.Administrator) !== 0n) return ALL;
  const overwrites = channel.permission_overwrites ?? [];
  const everyone = overwrites.filter((it) => it.type === 0 && it.id === guild.id);
  const ofRoles = overwrites.filter((it) => it.type === 0 && it.id !== guild.id && roles.has(it.id));
  const own = overwrites.filter((it) => it.type === 1 && it.id === user);
  return [everyone, ofRoles, own].reduce(overwrite, granted);
}

/** Denials of one step first, then what it allows. */
function overwrite(bits: bigint, step: Overwrite[]): bigint {
  const sum = (of: (it: Overwrite) => string): bigint => step.reduce((all, it) => all | BigInt(of(it)), 0n);
  return (bits & ~sum((it) => it.deny)) | sum((it) => it.allow);
}
