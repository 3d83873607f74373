/** How large each video is shown: what the tiles tell, and what the connections ask for because of it. */

import { type SinkWants, type Ssrc, sinkWants } from '../../protocol/index.ts';

/** Asks for nothing more often than this: sizes change with every frame of a window that is being dragged. */
const EVERY_MS = 250;

/** The videos of one connection. */
export class Views {
  #pixels = new Map<Ssrc, number>();
  #arriving: readonly Ssrc[] = [];
  #deaf = false;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly ask: (wants: SinkWants) => void) {}

  /** These videos arrive, whether a tile shows them or not. */
  arrive(ssrcs: readonly Ssrc[]): void {
    if (ssrcs.join() === this.#arriving.join()) return;
    this.#arriving = ssrcs;
    this.#soon();
  }

  /** A tile shows a video so large; 0 while nobody sees it. */
  show(ssrc: Ssrc, pixels: number): void {
    this.#pixels.set(ssrc, Math.round(pixels));
    this.#soon();
  }

  /** The tile is gone. */
  forget(ssrc: Ssrc): void {
    this.#pixels.delete(ssrc);
    this.#soon();
  }

  /** Nothing is to be heard. */
  setDeaf(deaf: boolean): void {
    if (deaf === this.#deaf) return;
    this.#deaf = deaf;
    this.#soon();
  }

  #soon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      const unseen = this.#arriving.map((ssrc): [Ssrc, number] => [ssrc, 0]);
      const views = [...new Map([...unseen, ...this.#pixels])].map(([ssrc, pixels]) => ({ ssrc, pixels }));
      this.ask(sinkWants(views, this.#deaf));
    }, EVERY_MS);
  }
}
