/** The page's state and what one can do with it, without a single element. */

import { batch, computed, effect, signal } from '@preact/signals';
import {
  devices,
  explain,
  openCamera,
  openScreen,
  watchDevices,
} from '../../media/devices.ts';
import { LevelMeter } from '../../media/levels.ts';
import { Microphone } from '../../media/microphone.ts';
import { Opening } from '../../media/opening.ts';
import { Playback } from '../../media/playback.ts';
import {
  browserClock,
  GatewayClient,
  type GatewayState,
  type JoinState,
  type LiveStream,
  LiveStreams,
  type OutReason,
  Permission,
  type ReceivedStream,
  type Room,
  RoomSession,
  type ScreenTracks,
  type Ssrc,
  type StreamKey,
  sameRoom,
  type UserId,
  type VoiceLink,
} from '../../protocol/index.ts';
import { forgetAccount, rest } from './account.ts';
import { Chat } from './chat.ts';
import { FirstSound } from './first-sound.ts';
import { complain, say } from './notices.ts';
import { PrivateCalls } from './private-calls.ts';
import { set, settings, volumeOf } from './settings.ts';
import { standing } from './stage.ts';
import { Views } from './views.ts';
import { World } from './world.ts';

/** What the middle of the page shows. */
export type Place = { kind: 'home' } | { kind: 'room'; room: Room } | { kind: 'text'; room: Room };

/** Which panel stands beside it. */
export type Panel = 'none' | 'chat' | 'network';

/** The room is remembered, so that a page that is loaded again comes back to it. */
const ROOM_KEY = 'voxhall.room';

const WHY_OUT: Record<OutReason, string> = {
  refused: 'The server let nobody in: the room may be full, or closed to you.',
  disconnected: 'You were disconnected from the room.',
  elsewhere: 'You joined from another device.',
  incompatible: 'The voice server does not understand this page. Load it again.',
};

/** One person signed in. */
export class App {
  readonly world = new World();
  readonly gateway: GatewayClient;
  readonly gatewayState = signal<GatewayState>({ phase: 'idle' });
  readonly join = signal<JoinState>({ phase: 'out', reason: null });
  readonly link = signal<VoiceLink>('connecting');
  readonly transport = signal<RTCPeerConnectionState>('new');
  readonly streams = signal<readonly ReceivedStream[]>([]);
  readonly live = signal<readonly LiveStream[]>([]);
  readonly place = signal<Place>({ kind: 'home' });
  readonly panel = signal<Panel>('none');
  readonly camera = signal<MediaStreamTrack | null>(null);
  readonly screen = signal<MediaStreamTrack | null>(null);
  readonly talking = signal(false);
  readonly microphoneFailed = signal<string | null>(null);
  /** Voice connections on end over which no media came: a firewall may be in the way. */
  readonly mediaFailures = signal(0);
  readonly chat: Chat;
  readonly calls: PrivateCalls;
  readonly firstSound = new FirstSound();

  /** The room one is in, or on the way to. */
  readonly room = computed(() => (this.join.value.phase === 'out' ? null : this.join.value.room));

  /** Whether speech passes only while a key is held: by choice, or because the guild wants it so. */
  readonly pushesToTalk = computed(() => {
    const room = this.room.value;
    const free = room === null || room.guild === null || this.world.may(Permission.UseVoiceActivity, room);
    return settings.value.pushToTalk || !free;
  });

  /** Whether the room lets one speak. Who is invited onto a stage is let through already, and has not accepted yet. */
  readonly #maySpeak = computed(() => {
    const room = this.room.value;
    const states = room === null ? [] : this.world.inRoom(room.channel);
    const own = states.find((state) => state.user_id === this.world.me.value?.id);
    return own === undefined || (!own.mute && standing(own) === 'speaks');
  });

  /** Whether what the microphone hears is sent. */
  readonly open = computed(() => {
    const { mute, deaf } = settings.value;
    const may = this.room.value !== null && !mute && !deaf && this.#maySpeak.value;
    return may && (!this.pushesToTalk.value || this.talking.value);
  });

  session: RoomSession | null = null;
  streamSession: LiveStreams | null = null;
  #views: Views | null = null;
  #streamViews = new Map<StreamKey, Views>();
  #microphone = new Microphone();
  #cameraOpening = new Opening<MediaStreamTrack>();
  #screenOpening = new Opening<ScreenTracks>();
  #screenTracks: ScreenTracks | null = null;
  #playback = new Playback();
  #meter = new LevelMeter(() => {
    const me = this.world.me.value;
    return me === null ? null : { user: me.id, open: this.open.value };
  });
  #disposals: (() => void)[] = [];
  #scheme: 'ws' | 'wss' = location.protocol === 'https:' ? 'wss' : 'ws';

  constructor(token: string, gatewayUrl: string) {
    this.chat = new Chat(this);
    this.calls = new PrivateCalls(this);
    const reachable = (url: string): string => url.replace(/^wss?:/, `${this.#scheme}:`);
    const properties = { os: navigator.platform, browser: 'Voxhall page', device: '' };
    const random = Math.random;
    this.gateway = new GatewayClient({ url: reachable(gatewayUrl), token, properties, reachable, random }, browserClock);
  }

  /** Signs in to the Gateway with the token of {@link rest}. */
  static async start(token: string): Promise<App> {
    const { url } = await rest.gateway();
    const app = new App(token, url);
    app.#run();
    return app;
  }

  /** Ends everything. */
  stop(): void {
    this.leave();
    this.gateway.stop();
    this.#meter.stop();
    this.calls.stop();
    for (const dispose of this.#disposals) dispose();
  }

  /** Joins a room, or moves to it, and shows it. */
  enter(room: Room): void {
    this.show({ kind: 'room', room });
    if (this.session === null || sameRoom(this.room.value, room)) return;
    this.firstSound.begin();
    this.session.join(room);
    // Who moves goes on with the microphone that is open.
    if (this.#microphone.track?.readyState !== 'live') void this.#startMicrophone();
  }

  /** Leaves the room. */
  leave(): void {
    this.session?.leave();
  }

  /** Shows something in the middle. */
  show(place: Place): void {
    this.place.value = place;
    const path = place.kind === 'home' ? '/' : `/channels/${place.room.guild ?? '@me'}/${place.room.channel}`;
    if (location.pathname !== path) history.replaceState(null, '', path);
  }

  /** The session ended for good: begins another one. */
  retryGateway(): void {
    if (this.gatewayState.value.phase === 'ended') this.gateway.start();
  }

  /** The microphone could not be opened: once more. */
  retryMicrophone(): void {
    void this.#startMicrophone();
  }

  setMute(mute: boolean): void {
    // Who can be heard again hears again as well.
    set(mute ? { mute } : { mute, deaf: false });
  }

  setDeaf(deaf: boolean): void {
    set({ deaf });
  }

  async setCamera(on: boolean): Promise<void> {
    this.#cameraOpening.cancel();
    this.camera.value?.stop();
    this.camera.value = null;
    if (on) {
      try {
        const open = (): Promise<MediaStreamTrack> => openCamera(settings.value.camera);
        const track = await this.#cameraOpening.begin(open, (late) => late.stop());
        // The room was left meanwhile, or the button pressed again.
        if (track === null) return;
        track.addEventListener('ended', () => track === this.camera.value && void this.setCamera(false));
        this.camera.value = track;
      } catch (error) {
        complain(explain(error, 'camera'));
        return;
      }
    }
    await this.session?.send('video', this.camera.value);
  }

  /** Shares a screen as a stream of one's own. */
  async shareScreen(): Promise<void> {
    if (this.room.value === null) return;
    try {
      const tracks = await this.#screenOpening.begin(openScreen, stopScreenTracks);
      if (tracks === null) return;
      // Whoever was moved while choosing shares it where they are now.
      const room = this.room.value;
      if (room === null || this.streamSession === null) return stopScreenTracks(tracks);
      this.#releaseScreen();
      this.#screenTracks = tracks;
      this.screen.value = tracks.video;
      tracks.video.addEventListener('ended', () => tracks.video === this.screen.value && this.stopScreen());
      this.streamSession.goLive(room, tracks);
    } catch (error) {
      complain(explain(error, 'screen'));
    }
  }

  stopScreen(): void {
    const own = this.live.value.find((stream) => stream.own);
    if (own !== undefined) this.streamSession?.end(own.key);
    this.#releaseScreen();
  }

  watch(owner: UserId): void {
    const room = this.room.value;
    if (room !== null) this.streamSession?.watch(room, owner);
  }

  stopWatching(key: StreamKey): void {
    this.streamSession?.end(key);
  }

  /** How large videos are shown: of the room, or of a stream. */
  viewsOf(stream: StreamKey | null): Views | null {
    if (stream === null) return this.#views;
    const known = this.#streamViews.get(stream);
    if (known !== undefined) return known;
    const views = new Views((wants) => this.streamSession?.want(stream, wants));
    this.#streamViews.set(stream, views);
    return views;
  }

  /** The person has touched the page: now it may sound. */
  async unblockSound(): Promise<void> {
    this.#meter.unblock();
    await this.#playback.unblock();
  }

  #run(): void {
    this.#disposals.push(watchDevices());
    this.gateway.on('state', (state) => {
      this.gatewayState.value = state;
      if (state.phase !== 'ready') this.session?.gatewayLost();
      // The token is worth nothing any more.
      if (state.phase === 'ended' && state.code === 4004) forgetAccount();
    });
    this.gateway.on('event', (event) => {
      batch(() => this.world.apply(event));
      if (event.name === 'READY') this.#begin(event.data.user.id);
      this.session?.heard(event);
      this.streamSession?.heard(event);
      this.chat.heard(event);
      this.calls.heard(event);
    });
    const changed = (): void => this.#networkChanged();
    window.addEventListener('online', changed);
    this.#disposals.push(() => window.removeEventListener('online', changed));
    this.#follow();
    this.gateway.start();
  }

  /** The first session of this account; later ones find everything in place. */
  #begin(self: UserId): void {
    if (this.session !== null) return;
    const session = new RoomSession(this.gateway, self, this.#scheme, browserClock, Math.random);
    this.session = session;
    this.#views = new Views((wants) => session.want(wants));
    session.on('state', (state) => this.#joined(state));
    session.on('link', (link) => (this.link.value = link));
    session.on('transport', (state) => {
      this.transport.value = state;
      if (state === 'connected') this.mediaFailures.value = 0;
    });
    session.on('streams', (streams) => this.#received(streams));
    const live = new LiveStreams(this.gateway, self, this.#scheme, browserClock, Math.random);
    this.streamSession = live;
    live.on('changed', (all) => this.#streamed(all));
    live.on('over', ({ own, reason }) => this.#streamOver(own, reason));
    this.#comeBack();
  }

  /** To the room that this tab was in before it was loaded again, or to the place that the address names. */
  #comeBack(): void {
    const kept = sessionStorage.getItem(ROOM_KEY);
    const [, guild, channel] = /^\/channels\/(@me|\d+)\/(\d+)/.exec(location.pathname) ?? [];
    const named = guild === undefined ? null : ({ guild: guild === '@me' ? null : guild, channel } as Room);
    const room = kept === null ? null : (JSON.parse(kept) as Room);
    const known = (it: Room | null): it is Room => it !== null && this.world.channelOf(it) !== undefined;
    if (known(room)) this.enter(room);
    else if (known(named)) this.show({ kind: isVoice(this.world, named) ? 'room' : 'text', room: named });
  }

  #joined(state: JoinState): void {
    const before = this.join.value;
    this.join.value = state;
    if (state.phase === 'out') {
      sessionStorage.removeItem(ROOM_KEY);
      this.#left(state.reason);
      return;
    }
    if (state.phase === 'returning' && this.transport.value !== 'connected') this.mediaFailures.value += 1;
    sessionStorage.setItem(ROOM_KEY, JSON.stringify(state.room));
    const room = before.phase === 'out' ? null : before.room;
    if (room !== null && !sameRoom(room, state.room)) this.#moved(state.room);
  }

  #left(reason: OutReason | null): void {
    void this.setCamera(false);
    this.#screenOpening.cancel();
    this.#releaseScreen();
    this.streamSession?.clear();
    this.#microphone.stop();
    this.#meter.stop();
    this.transport.value = 'new';
    this.mediaFailures.value = 0;
    this.firstSound.cancel();
    if (reason !== null) complain(WHY_OUT[reason]);
  }

  /** A stream belongs to its room. */
  #moved(room: Room): void {
    this.#releaseScreen();
    this.streamSession?.clear();
    const shown = this.place.value;
    if (shown.kind === 'room') this.show({ kind: 'room', room });
    const channel = this.world.channelOf(room);
    if (channel !== undefined) say(`You are in ${this.world.titleOf(channel)} now.`);
  }

  #received(streams: readonly ReceivedStream[]): void {
    this.streams.value = streams;
    this.#views?.arrive(videosOf(streams));
    this.#playback.play('room', streams);
    this.#meter.watch(streams);
    this.firstSound.watch(streams);
  }

  #streamed(all: readonly LiveStream[]): void {
    this.live.value = all;
    this.#playback.play(
      'live',
      all.flatMap((stream) => stream.received),
    );
    for (const { key, received } of all) this.viewsOf(key)?.arrive(videosOf(received));
    for (const key of this.#streamViews.keys()) {
      if (!all.some((stream) => stream.key === key)) this.#streamViews.delete(key);
    }
  }

  #streamOver(own: boolean, reason: string): void {
    if (own) this.#releaseScreen();
    if (reason === 'stream_full') complain('Nobody more can watch this stream.');
    else if (reason === 'unauthorized') complain('You may not watch this stream, or share a screen here.');
    else if (reason === 'connection_lost') complain('The stream was lost.');
    else say(own ? 'Your screen is no longer shared.' : 'The stream has ended.');
  }

  #releaseScreen(): void {
    if (this.#screenTracks !== null) stopScreenTracks(this.#screenTracks);
    this.#screenTracks = null;
    this.screen.value = null;
  }

  #networkChanged(): void {
    this.gateway.networkChanged();
    this.session?.networkChanged();
    this.streamSession?.networkChanged();
  }

  async #startMicrophone(): Promise<void> {
    const { microphone, echoCancellation, noiseSuppression, autoGain } = settings.value;
    const wish = { device: microphone, echoCancellation, noiseSuppression, autoGain };
    try {
      const track = await this.#microphone.start(wish);
      this.microphoneFailed.value = null;
      if (this.join.value.phase === 'out') return this.#microphone.stop();
      await this.session?.send('audio', track);
    } catch (error) {
      this.microphoneFailed.value = explain(error, 'microphone');
      complain(`${this.microphoneFailed.value} You can listen meanwhile.`);
    }
  }

  /** Brings what is sent and played in line with what is set. */
  #follow(): void {
    const keep = (what: () => void): void => void this.#disposals.push(effect(what));
    keep(() => {
      const open = this.open.value;
      this.#microphone.setOpen(open);
      this.session?.speak(open);
    });
    keep(() => {
      const { mute, deaf } = settings.value;
      const flags = { mute: mute || deaf, deaf, video: this.camera.value !== null };
      this.session?.setFlags(flags);
      this.#views?.setDeaf(deaf);
    });
    keep(() => {
      const { deaf, speaker } = settings.value;
      this.#playback.configure({ deaf, speaker, volumeOf });
    });
    const wish = computed(() => {
      const { microphone, echoCancellation, noiseSuppression, autoGain } = settings.value;
      return JSON.stringify([microphone, echoCancellation, noiseSuppression, autoGain]);
    });
    let first = true;
    keep(() => {
      void wish.value;
      const again = !first && this.join.peek().phase !== 'out';
      first = false;
      if (again) void this.#startMicrophone();
    });
    keep(() => {
      // A chosen device that was unplugged: the usual one takes its place.
      const { microphones } = devices.value;
      const { microphone } = settings.peek();
      const gone = microphone !== null && microphones.length > 0 && !microphones.some((it) => it.id === microphone);
      if (gone && this.#microphone.track?.readyState === 'ended') void this.#startMicrophone();
    });
  }
}

function stopScreenTracks({ video, audio }: ScreenTracks): void {
  video.stop();
  audio?.stop();
}

function videosOf(streams: readonly ReceivedStream[]): Ssrc[] {
  return streams.filter((stream) => stream.kind === 'video').map((stream) => stream.ssrc);
}

function isVoice(world: World, room: Room): boolean {
  const kind = world.channelOf(room)?.type;
  return room.guild === null || kind === 2 || kind === 13;
}
