/** The machine's microphones, cameras and loudspeakers. */

import { signal } from '@preact/signals';

/** A device that can be chosen. */
export interface Device {
  id: string;
  name: string;
}

/** All that can be chosen; names are empty until the browser was allowed to use one. */
export interface Devices {
  microphones: Device[];
  cameras: Device[];
  speakers: Device[];
}

/** What there is now. */
export const devices = signal<Devices>({ microphones: [], cameras: [], speakers: [] });

/** Whether this page may use devices at all: browsers want TLS, or the machine itself. */
export const canCapture = typeof navigator.mediaDevices?.getUserMedia === 'function';
/** Whether a screen can be shared. */
export const canShareScreen = typeof navigator.mediaDevices?.getDisplayMedia === 'function';
/** Whether sound can be sent to a chosen loudspeaker. */
export const canChooseSpeaker = 'setSinkId' in HTMLMediaElement.prototype;

/** Looks what there is, now and whenever something is plugged in, until the function that is returned is called. */
export function watchDevices(): () => void {
  if (!canCapture) return () => {};
  const look = (): void => void refreshDevices();
  look();
  navigator.mediaDevices.addEventListener('devicechange', look);
  return () => navigator.mediaDevices.removeEventListener('devicechange', look);
}

/** Looks what there is; names appear after a device was used. */
export async function refreshDevices(): Promise<void> {
  const all = await navigator.mediaDevices.enumerateDevices();
  const of = (kind: MediaDeviceKind): Device[] =>
    all.filter((device) => device.kind === kind).map(({ deviceId, label }) => ({ id: deviceId, name: label }));
  devices.value = { microphones: of('audioinput'), cameras: of('videoinput'), speakers: of('audiooutput') };
}

/** How a microphone is listened to. */
export interface MicrophoneWish {
  device: string | null;
  echoCancellation: boolean;
  noiseSuppression: boolean;
  autoGain: boolean;
}

const chosen = (device: string | null): MediaTrackConstraints => (device === null ? {} : { deviceId: { ideal: device } });

/** Opens a microphone. Throws what the browser throws; {@link explain} says it for people. */
export async function openMicrophone(wish: MicrophoneWish): Promise<MediaStreamTrack> {
  const audio = {
    ...chosen(wish.device),
    echoCancellation: wish.echoCancellation,
    noiseSuppression: wish.noiseSuppression,
    autoGainControl: wish.autoGain,
  };
  return first(await capture({ audio }), 'audio');
}

/** Opens a camera. */
export async function openCamera(device: string | null): Promise<MediaStreamTrack> {
  const video = {
    ...chosen(device),
    width: { ideal: 1280 },
    height: { ideal: 720 },
    frameRate: { ideal: 30, max: 30 },
  };
  return first(await capture({ video }), 'video');
}

/** Lets the person choose a screen, a window or a tab. */
export async function openScreen(): Promise<{ video: MediaStreamTrack; audio: MediaStreamTrack | null }> {
  if (!canShareScreen) throw new DOMException('', 'NotSupportedError');
  const stream = await navigator.mediaDevices.getDisplayMedia({
    video: { width: { max: 1920 }, height: { max: 1080 }, frameRate: { max: 30 } },
    audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
  const video = first(stream, 'video');
  // Text stays readable: when there is too little bandwidth, rather fewer pictures than blurred ones.
  video.contentHint = 'detail';
  return { video, audio: stream.getAudioTracks()[0] ?? null };
}

async function capture(constraints: MediaStreamConstraints): Promise<MediaStream> {
  if (!canCapture) throw new DOMException('', 'NotSupportedError');
  const stream = await navigator.mediaDevices.getUserMedia(constraints);
  void refreshDevices();
  return stream;
}

function first(stream: MediaStream, kind: 'audio' | 'video'): MediaStreamTrack {
  const track = stream.getTracks().find((it) => it.kind === kind);
  if (track === undefined) throw new DOMException('', 'NotFoundError');
  return track;
}

/** Why a device cannot be used, and what to do. */
export function explain(error: unknown, what: 'microphone' | 'camera' | 'screen'): string {
  switch (error instanceof DOMException ? error.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
      return what === 'screen'
        ? 'No screen was shared.'
        : `The browser does not let this page use the ${what}. Allow it in the address bar, then try again.`;
    case 'NotFoundError':
    case 'OverconstrainedError':
      return `No ${what} was found. Plug one in, or choose another in the settings.`;
    case 'NotReadableError':
    case 'AbortError':
      return `The ${what} is in use by another program, or does not answer.`;
    case 'NotSupportedError':
      return what === 'screen'
        ? 'This browser cannot share a screen here.'
        : `Browsers give the ${what} only to pages with https://, or of the machine itself.`;
    default:
      return `The ${what} cannot be used (${String(error)}).`;
  }
}
