/** The browser's clock and sockets, in the shape that the machines are driven in. */

/** Where time comes from. */
export interface Clock {
  /** Milliseconds since some moment; never goes back. */
  now(): number;
  /** Calls once after a time; returns what takes it back. */
  after(ms: number, then: () => void): () => void;
}

/** The browser's. */
export const browserClock: Clock = {
  now: () => performance.now(),
  after: (ms, then) => {
    const timer = setTimeout(then, ms);
    return () => clearTimeout(timer);
  },
};

/** One timer that can be set anew. */
export class Alarm {
  #cancel: (() => void) | null = null;

  constructor(
    private readonly clock: Clock,
    private readonly ring: () => void,
  ) {}

  /** Rings at this time of the clock; `null` takes it back. */
  set(time: number | null): void {
    this.#cancel?.();
    this.#cancel = null;
    if (time === null) return;
    // A millisecond more, so that a clock that is read a little early does not ring twice.
    this.#cancel = this.clock.after(Math.max(0, time - this.clock.now()) + 1, this.ring);
  }
}

/** Closes a socket over which something else than JSON came. */
const UNREADABLE = 4002;

/** What a {@link Socket} tells. */
export interface SocketListener {
  opened(): void;
  /** A JSON message. */
  received(message: unknown): void;
  /** It is closed, by the other side or because the network failed (1006). Not told after {@link Socket.close}. */
  closed(code: number): void;
}

/** A WebSocket of JSON messages. */
export class Socket {
  #socket: WebSocket;
  #closed = false;

  constructor(
    url: string,
    private readonly listener: SocketListener,
  ) {
    this.#socket = new WebSocket(url);
    this.#socket.onopen = () => this.#tell(() => this.listener.opened());
    this.#socket.onmessage = (event) => this.#tell(() => this.#read(event.data));
    this.#socket.onclose = (event) => {
      this.#tell(() => this.listener.closed(event.code));
      this.#closed = true;
    };
  }

  /** Sends a message; nothing happens on a socket that is not open. */
  send(message: unknown): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** Closes it and tells nothing more. */
  close(code: number): void {
    this.#closed = true;
    // Only 1000 and private codes may be given by a page.
    this.#socket.close(code === 1000 || code >= 3000 ? code : 1000);
  }

  #read(data: unknown): void {
    // Binary frames belong to end-to-end encryption, which nobody here asked for.
    if (typeof data !== 'string') return;
    let message: unknown;
    try {
      message = JSON.parse(data);
    } catch {
      // A server that sends no JSON is none; the machine decides whether to try again.
      this.close(UNREADABLE);
      this.listener.closed(UNREADABLE);
      return;
    }
    this.listener.received(message);
  }

  #tell(what: () => void): void {
    if (!this.#closed) what();
  }
}
