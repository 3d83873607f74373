/** The messages of a channel, and a line to write in: text, or a command of a bot. */

import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { type Message, type Room, timeOf } from '../../protocol/index.ts';
import { useApp } from '../context.ts';
import { Avatar } from './basics.tsx';
import { Composer } from './composer.tsx';

/** See the module. */
export function ChatView({ room }: { room: Room }): JSX.Element {
  const app = useApp();
  const messages = app.chat.messages.value.get(room.channel);
  const channel = app.world.channelOf(room);
  const known = messages !== undefined;
  useEffect(() => {
    if (!known) void app.chat.open(room);
  }, [app, room.channel, known]);
  return (
    <div class="chat">
      <Messages messages={messages ?? []} room={room} />
      <Composer room={room} placeholder={`Message ${channel === undefined ? '' : app.world.titleOf(channel)}`} />
    </div>
  );
}

function Messages({ messages, room }: { messages: readonly Message[]; room: Room }): JSX.Element {
  const list = useRef<HTMLDivElement>(null);
  const newest = messages.at(-1)?.id;
  useEffect(() => {
    if (list.current !== null) list.current.scrollTop = list.current.scrollHeight;
  }, [newest]);
  return (
    <div class="messages" ref={list} role="log" aria-label="Messages" tabIndex={0}>
      {messages.length === 0 && <p class="muted hint">Nothing has been written here yet.</p>}
      <ol>
        {messages.map((message, index) => (
          <MessageItem key={message.id} message={message} room={room} follows={follows(messages[index - 1], message)} />
        ))}
      </ol>
    </div>
  );
}

/** Messages of one person within five minutes stand together. */
function follows(before: Message | undefined, message: Message): boolean {
  if (before === undefined || before.author.id !== message.author.id || message.type !== 0) return false;
  return before.type === 0 && timeOf(message.id) - timeOf(before.id) < 5 * 60_000;
}

/** Kinds of messages that are not written by somebody. */
const CALL = 3;

function MessageItem({ message, room, follows }: { message: Message; room: Room; follows: boolean }): JSX.Element {
  const { world } = useApp();
  const name = world.nameOf(message.author.id, room.guild) || message.author.username;
  const at = new Date(timeOf(message.id));
  const time = (
    <time dateTime={at.toISOString()} title={at.toLocaleString()}>
      {at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })}
    </time>
  );
  if (message.type !== 0 && message.type !== 19 && message.type !== 20) {
    return (
      <li class="notice-message muted">
        {noticeText(message, name)} {time}
      </li>
    );
  }
  const used = message.interaction_metadata?.name ?? message.interaction?.name;
  return (
    <li class={`message ${follows ? 'follows' : ''}`}>
      {!follows && <Avatar user={message.author.id} name={name} size={34} />}
      <div class="message-body">
        {!follows && (
          <p class="message-head">
            <strong>{name}</strong>
            {message.author.bot === true && <span class="badge">Bot</span>}
            {used !== undefined && <span class="muted">used /{used}</span>}
            {time}
          </p>
        )}
        <p class="message-text">{message.content}</p>
      </div>
    </li>
  );
}

function noticeText(message: Message, name: string): string {
  if (message.type !== CALL) return `${name}: ${message.content || 'something changed'}`;
  return message.call?.ended_timestamp ? `${name} called. The call is over.` : `${name} began a call.`;
}
