/**
 * The Discord voice protocol for a page: a call in the browser, without any user interface.
 *
 * ```ts
 * const rest = new RestClient('https://voice.example.org', token);
 * const me = await rest.me();
 * const gateway = new GatewayClient({ url: (await rest.gateway()).url, token, properties: {}, random: Math.random }, browserClock);
 * const room = new RoomSession(gateway, me.id, 'wss', browserClock, Math.random);
 * gateway.on('event', (event) => room.heard(event));
 * room.on('streams', (streams) => play(streams.map((stream) => stream.track)));
 * gateway.start();
 * room.join({ guild, channel });
 * await room.send('audio', microphoneTrack);
 * room.speak(true);
 * ```
 *
 * What decides stands in machines without sockets or clocks ({@link GatewayMachine}, {@link VoiceMachine},
 * {@link JoinMachine}) and in functions over text ({@link fragmentOf}, {@link answerTo}); what acts is thin around them.
 */

export { Backoff, type Random } from './backoff.ts';
export * from './calls/join.ts';
export * from './calls/session.ts';
export * from './calls/streams.ts';
export * from './gateway/client.ts';
export * from './gateway/machine.ts';
export * from './gateway/messages.ts';
export * from './ids.ts';
export * from './opcodes.ts';
export { browserClock, type Clock } from './platform.ts';
export * from './permissions.ts';
export * from './rest.ts';
export * from './voice/connection.ts';
export * from './voice/machine.ts';
export * from './voice/messages.ts';
export * from './voice/publishing.ts';
export * from './voice/roster.ts';
export * from './voice/wants.ts';
export * from './webrtc/answer.ts';
export * from './webrtc/codecs.ts';
export * from './webrtc/fragment.ts';
export * from './webrtc/layers.ts';
export * from './webrtc/offer.ts';
export * from './webrtc/peer.ts';
export * from './webrtc/stats.ts';
