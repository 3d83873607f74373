/** Opcodes and close codes by name. Numbers are as on the wire. */

/** Opcodes of the main Gateway that a page uses. */
export const GatewayOp = {
  Dispatch: 0,
  Heartbeat: 1,
  Identify: 2,
  PresenceUpdate: 3,
  VoiceStateUpdate: 4,
  VoiceServerPing: 5,
  Resume: 6,
  Reconnect: 7,
  RequestGuildMembers: 8,
  InvalidSession: 9,
  Hello: 10,
  HeartbeatAck: 11,
  CallConnect: 13,
  GuildSubscriptions: 14,
  StreamCreate: 18,
  StreamDelete: 19,
  StreamWatch: 20,
  StreamPing: 21,
  StreamSetPaused: 22,
} as const;
export type GatewayOp = (typeof GatewayOp)[keyof typeof GatewayOp];

/** Why a main-Gateway socket was closed. */
export const GatewayClose = {
  Normal: 1000,
  GoingAway: 1001,
  Abnormal: 1006,
  UnknownError: 4000,
  UnknownOpcode: 4001,
  DecodeFailed: 4002,
  NotAuthenticated: 4003,
  AuthenticationFailed: 4004,
  AlreadyAuthenticated: 4005,
  InvalidSeq: 4007,
  RateLimited: 4008,
  SessionTimedOut: 4009,
  InvalidShard: 4010,
  ShardingRequired: 4011,
  InvalidApiVersion: 4012,
  InvalidIntents: 4013,
  DisallowedIntents: 4014,
  TooManySessions: 4015,
} as const;
export type GatewayClose = (typeof GatewayClose)[keyof typeof GatewayClose];

/** Opcodes of the voice gateway. */
export const VoiceOp = {
  Identify: 0,
  SelectProtocol: 1,
  Ready: 2,
  Heartbeat: 3,
  SessionDescription: 4,
  Speaking: 5,
  HeartbeatAck: 6,
  Resume: 7,
  Hello: 8,
  Resumed: 9,
  Signal: 10,
  ClientsConnect: 11,
  Video: 12,
  ClientDisconnect: 13,
  SessionUpdate: 14,
  MediaSinkWants: 15,
  BackendVersion: 16,
  ChannelOptionsUpdate: 17,
  ClientFlags: 18,
  SpeedTest: 19,
  ClientPlatform: 20,
  DavePrepareTransition: 21,
  DaveExecuteTransition: 22,
  DaveTransitionReady: 23,
  DavePrepareEpoch: 24,
  MlsExternalSender: 25,
  MlsKeyPackage: 26,
  MlsProposals: 27,
  MlsCommitWelcome: 28,
  MlsAnnounceCommitTransition: 29,
  MlsWelcome: 30,
  MlsInvalidCommitWelcome: 31,
  NoRoute: 32,
} as const;
export type VoiceOp = (typeof VoiceOp)[keyof typeof VoiceOp];

/** Why a voice-gateway socket was closed. */
export const VoiceClose = {
  Normal: 1000,
  GoingAway: 1001,
  Abnormal: 1006,
  UnknownOpcode: 4001,
  DecodeFailed: 4002,
  NotAuthenticated: 4003,
  AuthenticationFailed: 4004,
  AlreadyAuthenticated: 4005,
  SessionInvalid: 4006,
  SessionTimeout: 4009,
  ServerNotFound: 4011,
  UnknownProtocol: 4012,
  RtcWorkerCrashed: 4013,
  Disconnected: 4014,
  VoiceServerCrashed: 4015,
  UnknownEncryptionMode: 4016,
  DaveRequired: 4017,
  BadRequest: 4020,
  RateLimited: 4021,
  CallTerminated: 4022,
} as const;
export type VoiceClose = (typeof VoiceClose)[keyof typeof VoiceClose];

/** Flags of Speaking (op 5). */
export const SpeakingFlag = {
  /** Not speaking. */
  None: 0,
  /** A microphone. */
  Voice: 1,
  /** The sound of a shared screen. */
  Soundshare: 2,
  /** A microphone that others are turned down for. */
  Priority: 4,
} as const;
/** A set of {@link SpeakingFlag}. */
export type SpeakingFlags = number;

/** The name of a number of one of the tables above, or the number itself. */
export function nameOf(table: Readonly<Record<string, number>>, number: number): string {
  const found = Object.entries(table).find(([, value]) => value === number);
  return found?.[0] ?? String(number);
}

/** What a client does after its main-Gateway socket was closed. */
export type GatewayCloseAction = 'resume' | 'new-session' | 'stop';

/** What to do about a close code of the main Gateway. */
export function gatewayCloseAction(code: number): GatewayCloseAction {
  switch (code) {
    case GatewayClose.AuthenticationFailed:
    case GatewayClose.InvalidShard:
    case GatewayClose.ShardingRequired:
    case GatewayClose.InvalidApiVersion:
    case GatewayClose.InvalidIntents:
    case GatewayClose.DisallowedIntents:
    case GatewayClose.TooManySessions:
      return 'stop';
    case GatewayClose.InvalidSeq:
    case GatewayClose.SessionTimedOut:
      return 'new-session';
    default:
      return 'resume';
  }
}

/**
 * What a client does after its voice socket was closed: `resume` on a new socket, `rejoin` with a fresh token,
 * `await` a server update that may come, or `stop` because the same request fails again.
 */
export type VoiceCloseAction = 'resume' | 'rejoin' | 'await' | 'stop';

/** What to do about a close code of the voice gateway. */
export function voiceCloseAction(code: number): VoiceCloseAction {
  switch (code) {
    case VoiceClose.RtcWorkerCrashed:
    case VoiceClose.VoiceServerCrashed:
      return 'resume';
    case VoiceClose.AuthenticationFailed:
    case VoiceClose.SessionInvalid:
    case VoiceClose.SessionTimeout:
      return 'rejoin';
    case VoiceClose.Disconnected:
    case VoiceClose.CallTerminated:
    case VoiceClose.ServerNotFound:
      return 'await';
    default:
      return code < 4000 ? 'resume' : 'stop';
  }
}
