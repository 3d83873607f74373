/** One person or one shared screen. */

import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { speaking } from '../../media/levels.ts';
import type { LiveStream, Ssrc, UserId, VoiceState } from '../../protocol/index.ts';
import { useApp } from '../context.ts';
import type { Views } from '../model/views.ts';
import { Avatar, IconButton } from './basics.tsx';
import { PersonMenu } from './person-menu.tsx';
import { Marks } from './sidebar.tsx';
import { Hand } from './stage.tsx';

/** A person of the room. */
export function PersonTile({ state }: { state: VoiceState }): JSX.Element {
  const app = useApp();
  const { user_id: user, guild_id } = state;
  const own = user === app.world.me.value?.id;
  const name = app.world.nameOf(user, guild_id);
  const loud = speaking.value.has(user);
  const received = app.streams.value.find((stream) => stream.user === user && stream.kind === 'video');
  const track = own ? app.camera.value : (received?.track ?? null);
  const watched = app.live.value.some((stream) => stream.owner === user);
  return (
    <article class={`tile ${loud ? 'speaking' : ''}`} aria-label={`${name}${loud ? ', speaking' : ''}`}>
      {track === null ? (
        <Face user={user} name={name} />
      ) : (
        <Video track={track} mirrored={own} ssrc={received?.ssrc ?? null} views={app.viewsOf(null)} name={name} />
      )}
      <Caption name={own ? `${name} (you)` : name}>
        <Hand state={state} />
        <Marks state={state} />
      </Caption>
      {state.self_stream === true && !own && !watched && (
        <button type="button" class="button primary tile-watch" onClick={() => app.watch(user)}>
          Watch the screen
        </button>
      )}
      {!own && <PersonMenu state={state} name={name} />}
    </article>
  );
}

/** A face that is as large as its tile allows. */
function Face({ user, name }: { user: UserId; name: string }): JSX.Element {
  return (
    <span class="face">
      <Avatar user={user} name={name} />
    </span>
  );
}

/** A shared screen: one's own as it is sent, another's as it arrives. */
export function StreamTile({ stream }: { stream: LiveStream }): JSX.Element {
  const app = useApp();
  const guild = app.room.value?.guild ?? null;
  const name = app.world.nameOf(stream.owner, guild);
  const received = stream.received.find((it) => it.kind === 'video');
  const track = stream.own ? app.screen.value : (received?.track ?? null);
  const title = stream.own ? 'Your screen' : `Screen of ${name}`;
  const viewers = stream.viewers.length;
  return (
    <article class="tile stream" aria-label={title}>
      {track === null ? (
        <p class="muted" role="status">
          {stream.paused ? 'Paused' : 'Waiting for the picture …'}
        </p>
      ) : (
        <Video track={track} fit ssrc={received?.ssrc ?? null} views={app.viewsOf(stream.key)} name={title} />
      )}
      <Caption name={title}>
        {stream.own && (
          <span class="badge">
            {viewers} {viewers === 1 ? 'viewer' : 'viewers'}
          </span>
        )}
      </Caption>
      <div class="tile-corner">
        <IconButton
          icon="close"
          label={stream.own ? 'Stop sharing' : 'Stop watching'}
          onClick={() => (stream.own ? app.stopScreen() : app.stopWatching(stream.key))}
        />
      </div>
    </article>
  );
}

function Caption({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
  return (
    <div class="caption">
      <span class="entry-name">{name}</span>
      {children}
    </div>
  );
}

interface VideoProps {
  track: MediaStreamTrack;
  name: string;
  /** `null` for what is one's own. */
  ssrc: Ssrc | null;
  views: Views | null;
  mirrored?: boolean;
  /** Shows all of the picture. */
  fit?: boolean;
}

/** A picture that tells how large it is shown, so that no more than that is sent. */
function Video({ track, name, ssrc, views, mirrored = false, fit = false }: VideoProps): JSX.Element {
  const element = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const video = element.current;
    if (video === null) return;
    video.srcObject = new MediaStream([track]);
    video.play().catch(() => {
      // It plays as soon as the person touches the page.
    });
  }, [track]);
  useEffect(() => {
    const video = element.current;
    if (video === null || views === null || ssrc === null) return;
    return watchSize(video, (pixels) => views.show(ssrc, pixels), () => views.forget(ssrc));
  }, [ssrc, views]);
  const look = `${mirrored ? 'mirrored' : ''} ${fit ? 'fit' : ''}`;
  return <video ref={element} class={look} aria-label={name} autoplay playsInline muted />;
}

/** Tells the pixels that an element covers while it is seen; ends with the function that is returned. */
function watchSize(video: HTMLVideoElement, show: (pixels: number) => void, forget: () => void): () => void {
  let seen = true;
  const tell = (): void => {
    const { clientWidth, clientHeight } = video;
    const scale = window.devicePixelRatio;
    show(seen && !document.hidden ? clientWidth * clientHeight * scale * scale : 0);
  };
  const size = new ResizeObserver(tell);
  const sight = new IntersectionObserver((entries) => {
    seen = entries.at(-1)?.isIntersecting ?? true;
    tell();
  });
  size.observe(video);
  sight.observe(video);
  document.addEventListener('visibilitychange', tell);
  return () => {
    size.disconnect();
    sight.disconnect();
    document.removeEventListener('visibilitychange', tell);
    forget();
  };
}
